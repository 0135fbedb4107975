-- Reads counted_message, counted_unit, counted_signal; writes unit_week.
WITH conduct AS (SELECT DISTINCT message_id, true AS is_conduct FROM counted_signal)
SELECT
    u.unit_code,
    m.week,
    count(*) AS about,
    count(*) FILTER (is_conduct) AS messages,
    count(DISTINCT m.complainant) FILTER (is_conduct) AS complainants,
    count(DISTINCT m.event_id) FILTER (is_conduct) AS events,
    count(*) FILTER (m.replied) AS replied,
    median(m.reply_days) FILTER (m.replied) AS reply_days,
    count(m.satisfied) AS rated,
    count(*) FILTER (m.satisfied) AS satisfied,
    count(*) FILTER (m.reopened) AS reopened
FROM counted_unit AS u
JOIN counted_message AS m USING (message_id)
LEFT JOIN conduct USING (message_id)
GROUP BY u.unit_code, m.week
ORDER BY u.unit_code, m.week
