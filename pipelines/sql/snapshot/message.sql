-- 消息:清洗并脱敏后的消息,不含诉求人标识与具体时刻;来源已撤下者不在内。
-- posted_on: 提出日期
-- replied_on: 答复日期
-- reply_days: 从提出到答复的天数,精确到 0.1 天
-- topic: 十五个领域之一;尚未阅读为空
-- topic_probability: 领域概率
-- conduct_probability: 反映公共单位作风问题的概率
-- event_id: 所属事件
SELECT
    m.message_id,
    m.source,
    m.channel,
    CAST(m.posted_at AS DATE) AS posted_on,
    m.week,
    m.title,
    m.body,
    m.place,
    r.topic,
    r.topic_probability,
    r.conduct_probability,
    c.event_id,
    m.kind,
    m.reply,
    m.reply_unit,
    CAST(m.replied_at AS DATE) AS replied_on,
    round(m.reply_days, 1) AS reply_days,
    m.satisfied,
    m.reopened
FROM clean_message AS m
JOIN counted_message AS c USING (message_id)
LEFT JOIN reading AS r USING (message_id)
ORDER BY m.message_id
