-- Reads counted_*, grave_code, signal, correction, unit. Parameters: the least probability, the week. One row an event, code and
-- unit; a person's confirmation counts as certainty.
WITH sure AS (
    SELECT s.message_id, s.code
    FROM counted_signal AS s
    SEMI JOIN grave_code USING (code)
    LEFT JOIN signal AS read USING (message_id, code)
    LEFT JOIN correction AS c USING (message_id, code)
    WHERE c.verdict IS NOT NULL OR read.probability >= ?
)
SELECT
    'grave' AS kind,
    cu.unit_code,
    s.code,
    m.event_id,
    any_value(u.name) AS unit_name,
    count(*) AS messages
FROM sure AS s
JOIN counted_message AS m USING (message_id)
LEFT JOIN counted_unit AS cu USING (message_id)
LEFT JOIN (SELECT code, arg_max(name, valid_from) AS name FROM unit GROUP BY code) AS u ON u.code = cu.unit_code
WHERE m.week = ?
GROUP BY cu.unit_code, s.code, m.event_id
ORDER BY m.event_id, s.code, cu.unit_code
