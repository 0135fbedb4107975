-- 信号:一条消息所断言的一个作风问题,附原文;人工复核的结论已并入。
-- status: asserted 计入(含人工确认与补充);review 待人工确认;rejected 人工否定
-- reviewed: 是否经人工复核
WITH reviewed AS (
    SELECT c.message_id, c.code, c.verdict, c.quote, m.title, m.body
    FROM correction AS c
    JOIN clean_message AS m USING (message_id)
    SEMI JOIN counted_message USING (message_id)
),
read AS (
    SELECT s.message_id, s.code, s.probability, s.quote, s.field, s.start, s.stop, s.status, s.model_version
    FROM signal AS s
    SEMI JOIN counted_message USING (message_id)
),
added AS (
    SELECT
        c.message_id,
        c.code,
        1.0 AS probability,
        c.quote,
        CASE WHEN strpos(c.body, c.quote) = 0 AND strpos(c.title, c.quote) > 0 THEN 'title' ELSE 'body' END AS field,
        greatest(0, CASE WHEN strpos(c.body, c.quote) > 0 THEN strpos(c.body, c.quote) ELSE strpos(c.title, c.quote) END - 1) AS start,
        'person' AS model_version
    FROM reviewed AS c
    ANTI JOIN read USING (message_id, code)
    WHERE c.verdict <> 'rejected'
)
SELECT
    r.message_id, r.code, r.probability, r.quote, r.field, r.start, r.stop,
    CASE c.verdict WHEN 'rejected' THEN 'rejected' WHEN 'confirmed' THEN 'asserted' WHEN 'added' THEN 'asserted' ELSE r.status END AS status,
    r.model_version,
    c.verdict IS NOT NULL AS reviewed
FROM read AS r
LEFT JOIN reviewed AS c USING (message_id, code)
UNION ALL
SELECT message_id, code, probability, quote, field, start, start + length(quote) AS stop, 'asserted', model_version, true
FROM added
ORDER BY message_id, code
