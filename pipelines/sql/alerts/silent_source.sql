-- Reads coverage, source. One parameter: the week.
SELECT 'silent_source' AS kind, c.source, coalesce(s.name, c.source) AS source_name, c.at_least, 0 AS messages
FROM coverage AS c
LEFT JOIN source AS s ON s.slug = c.source
WHERE c.week = ? AND c.status = 'silent'
ORDER BY c.source
