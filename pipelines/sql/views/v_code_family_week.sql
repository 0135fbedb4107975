-- 每周五个方面:一条消息反映同一方面的几个代码,只算一次。
-- week: ISO 周
-- family: 方面代号
-- family_name: 庸、懒、散、乱、贪
-- messages: 消息数
-- events: 事件数
SELECT
    m.week,
    c.family,
    c.family_name,
    count(DISTINCT m.message_id) AS messages,
    count(DISTINCT m.event_id) AS events
FROM signal AS s
JOIN message AS m USING (message_id)
JOIN code AS c USING (code)
WHERE s.status = 'asserted'
GROUP BY m.week, c.family, c.family_name
ORDER BY m.week, c.family
