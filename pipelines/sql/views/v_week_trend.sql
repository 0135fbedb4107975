-- 每周趋势:消息、作风反映与覆盖;有来源中断或偏少的周标明,不宜直接比较。
-- week: ISO 周
-- monday: 该周周一
-- about: 全部消息数
-- messages: 反映作风问题的消息数
-- events: 反映作风问题的事件数
-- share: 反映作风问题的消息占全部消息的比例
-- silent: 中断的来源数
-- short: 偏少的来源数
-- comparable: 本周与上周均无中断或偏少的来源,可以直接比较
-- events_change: 事件数环比(与上周之差除以上周);不可比或上周为零则为空
WITH gaps AS (
    SELECT week, count(*) FILTER (status = 'silent') AS silent, count(*) FILTER (status = 'short') AS short
    FROM coverage
    GROUP BY week
),
weeks AS (
    SELECT
        t.week,
        CAST(strptime(t.week || '-1', '%G-W%V-%u') AS DATE) AS monday,
        t.about,
        t.messages,
        t.events,
        t.messages / nullif(t.about, 0) AS share,
        coalesce(g.silent, 0) AS silent,
        coalesce(g.short, 0) AS short,
        lag(t.events) OVER (ORDER BY t.week) AS events_before,
        coalesce(g.silent, 0) + coalesce(g.short, 0) = 0 AS whole
    FROM week_total AS t
    LEFT JOIN gaps AS g USING (week)
),
compared AS (
    SELECT *, whole AND coalesce(lag(whole) OVER (ORDER BY week), false) AS comparable FROM weeks
)
SELECT
    week,
    monday,
    about,
    messages,
    events,
    share,
    silent,
    short,
    comparable,
    CASE WHEN comparable THEN (events - events_before) / nullif(events_before, 0) END AS events_change
FROM compared
ORDER BY week
