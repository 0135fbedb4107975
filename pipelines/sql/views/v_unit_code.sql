-- 单位每周每类问题,带单位与问题的名称。
-- week: ISO 周
-- unit_code: 单位编码
-- unit_name: 单位全称
-- family_name: 方面
-- code: 问题代码
-- code_name: 问题名称
-- messages: 消息数
-- complainants: 不同诉求人数;少于下限者隐去为空
-- events: 事件数
SELECT
    w.week,
    w.unit_code,
    u.name AS unit_name,
    c.family_name,
    w.code,
    c.name AS code_name,
    w.messages,
    w.complainants,
    w.events
FROM unit_week_code AS w
JOIN code AS c USING (code)
LEFT JOIN (SELECT code, arg_max(name, valid_from) AS name FROM unit GROUP BY code) AS u ON u.code = w.unit_code
ORDER BY w.week, w.unit_code, w.code
