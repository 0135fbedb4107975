-- Reads counted_*, unit. Parameters: the week twice, the least number of people twice. An event about conduct whose number of
-- distinct complainants reaches the limit in this week; the unit is the one most of its messages count for.
WITH conduct AS (
    SELECT DISTINCT m.event_id FROM counted_signal AS s JOIN counted_message AS m USING (message_id)
),
people AS (
    SELECT
        m.event_id,
        count(DISTINCT m.complainant) FILTER (m.week <= ?) AS people,
        count(DISTINCT m.complainant) FILTER (m.week < ?) AS before,
        count(*) AS messages
    FROM counted_message AS m
    SEMI JOIN conduct USING (event_id)
    GROUP BY m.event_id
),
blamed AS (
    SELECT event_id, unit_code, row_number() OVER (PARTITION BY event_id ORDER BY count(*) DESC, unit_code) AS place
    FROM counted_message JOIN counted_unit USING (message_id)
    GROUP BY event_id, unit_code
)
SELECT 'repeat' AS kind, b.unit_code, p.event_id, u.name AS unit_name, p.people, p.messages
FROM people AS p
LEFT JOIN blamed AS b ON b.event_id = p.event_id AND b.place = 1
LEFT JOIN (SELECT code, arg_max(name, valid_from) AS name FROM unit GROUP BY code) AS u ON u.code = b.unit_code
WHERE p.people >= ? AND p.before < ?
ORDER BY p.event_id
