-- 单位近四周:至该周为止四周内群众反映的作风问题,按事件数排列。未经核实;区间相交者不分先后。
-- week: 四周窗口的最后一周
-- unit_code: 单位编码
-- unit_name: 单位全称
-- tier: 一、二、三类
-- about: 四周内计入该单位的全部消息数
-- messages: 其中反映作风问题的消息数
-- events: 其中反映作风问题的事件数,跨周的同一事件只算一次
-- share: 反映作风问题的消息占比
-- share_low: 占比的 95% 区间下限(Wilson 1927)
-- share_high: 占比的 95% 区间上限(Wilson 1927)
-- place: 按事件数的名次,同数同名次
WITH windows AS (
    SELECT
        week,
        CAST(strptime(week || '-1', '%G-W%V-%u') AS DATE) AS monday
    FROM week_total
),
conduct AS (
    SELECT DISTINCT message_id, true AS is_conduct FROM signal WHERE status = 'asserted'
),
counts AS (
    SELECT
        w.week,
        u.unit_code,
        count(*) AS about,
        count(*) FILTER (c.is_conduct) AS messages,
        count(DISTINCT m.event_id) FILTER (c.is_conduct) AS events
    FROM counted_unit AS u
    JOIN message AS m USING (message_id)
    LEFT JOIN conduct AS c USING (message_id)
    JOIN windows AS w ON m.posted_on BETWEEN w.monday - 21 AND w.monday + 6
    GROUP BY w.week, u.unit_code
),
names AS (
    SELECT code, arg_max(name, valid_from) AS name, arg_max(tier, valid_from) AS tier FROM unit GROUP BY code
)
SELECT
    c.week,
    c.unit_code,
    n.name AS unit_name,
    n.tier,
    c.about,
    c.messages,
    c.events,
    c.messages / c.about AS share,
    greatest(0, (c.messages + 1.9208 - 1.96 * sqrt(c.messages * (c.about - c.messages) / c.about + 0.9604)) / (c.about + 3.8416)) AS share_low,
    least(1, (c.messages + 1.9208 + 1.96 * sqrt(c.messages * (c.about - c.messages) / c.about + 0.9604)) / (c.about + 3.8416)) AS share_high,
    rank() OVER (PARTITION BY c.week ORDER BY c.events DESC) AS place
FROM counts AS c
LEFT JOIN names AS n ON n.code = c.unit_code
ORDER BY c.week, place, c.unit_code
