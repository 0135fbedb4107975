-- Reads counted_message, counted_signal; writes week_topic: messages that were read, by field of public affairs.
WITH conduct AS (SELECT DISTINCT message_id, true AS is_conduct FROM counted_signal)
SELECT
    m.week,
    m.topic,
    count(*) AS about,
    count(*) FILTER (is_conduct) AS messages,
    count(DISTINCT m.complainant) FILTER (is_conduct) AS complainants,
    count(DISTINCT m.event_id) FILTER (is_conduct) AS events
FROM counted_message AS m
LEFT JOIN conduct USING (message_id)
WHERE m.topic IS NOT NULL
GROUP BY m.week, m.topic
ORDER BY m.week, m.topic
