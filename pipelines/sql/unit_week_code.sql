-- Reads counted_message, counted_unit, counted_signal; writes unit_week_code.
SELECT
    u.unit_code,
    m.week,
    s.code,
    count(*) AS messages,
    count(DISTINCT m.complainant) AS complainants,
    count(DISTINCT m.event_id) AS events
FROM counted_signal AS s
JOIN counted_message AS m USING (message_id)
JOIN counted_unit AS u USING (message_id)
GROUP BY u.unit_code, m.week, s.code
ORDER BY u.unit_code, m.week, s.code
