-- Reads counted_message, counted_signal; writes week_code: also what no unit could be found for.
SELECT
    m.week,
    s.code,
    count(*) AS messages,
    count(DISTINCT m.complainant) AS complainants,
    count(DISTINCT m.event_id) AS events
FROM counted_signal AS s
JOIN counted_message AS m USING (message_id)
GROUP BY m.week, s.code
ORDER BY m.week, s.code
