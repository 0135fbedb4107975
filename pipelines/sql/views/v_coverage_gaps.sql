-- 覆盖缺口:中断、偏少或偏多的来源与周。
-- week: ISO 周
-- source: 来源代号
-- name: 来源名称
-- channel: 渠道
-- messages: 该周消息数
-- at_least: 该周下限
-- at_most: 该周上限
-- status: silent 中断,short 偏少,over 偏多
SELECT c.week, c.source, s.name, s.channel, c.messages, c.at_least, c.at_most, c.status
FROM coverage AS c
LEFT JOIN source AS s ON s.slug = c.source
WHERE c.status IN ('silent', 'short', 'over')
ORDER BY c.week, c.source
