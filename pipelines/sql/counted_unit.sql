-- Which unit a message counts for: a unit that it blames, or the only unit that it mentions. A mention that could not be
-- resolved is another unit as long as nobody knows better.
WITH mentioned AS (
    SELECT message_id, count(DISTINCT coalesce(unit_code, '?' || mention)) AS units
    FROM attribution
    GROUP BY message_id
)
SELECT DISTINCT a.message_id, a.unit_code
FROM attribution AS a
JOIN mentioned USING (message_id)
SEMI JOIN counted_message USING (message_id)
WHERE a.status IN ('named', 'inferred') AND a.unit_code IS NOT NULL AND (a.blamed OR mentioned.units = 1)
