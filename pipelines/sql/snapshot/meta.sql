-- 快照由来:所据数据的状态,一行;不含制作时刻,同样的数据得同样的内容。
-- first_week: 第一周
-- last_week: 最后一周
-- last_day: 最后一条消息的日期
-- messages: 计入的消息数
-- model_version: 阅读所用模型版本,多个以逗号分隔
-- taxonomy_version: 问题分类的版本
-- small_cell: 诉求人数少于此数者隐去
SELECT
    (SELECT min(week) FROM counted_week) AS first_week,
    (SELECT max(week) FROM counted_week) AS last_week,
    (SELECT max(posted_on) FROM counted_message) AS last_day,
    (SELECT count(*) FROM counted_message) AS messages,
    (SELECT string_agg(DISTINCT model_version, ',' ORDER BY model_version) FROM reading) AS model_version,
    (SELECT taxonomy_version FROM given_meta) AS taxonomy_version,
    (SELECT small_cell FROM given_meta) AS small_cell
