-- Reads counted_*, signal, correction; writes week_total: one row for every week of the calendar, empty weeks too.
WITH conduct AS (SELECT DISTINCT message_id, true AS is_conduct FROM counted_signal),
attributed AS (SELECT DISTINCT message_id, true AS has_unit FROM counted_unit),
waiting AS (
    SELECT m.week, count(*) AS review
    FROM signal AS s
    JOIN counted_message AS m USING (message_id)
    ANTI JOIN correction AS c ON s.message_id = c.message_id AND s.code = c.code
    WHERE s.status = 'review'
    GROUP BY m.week
),
counts AS (
    SELECT
        m.week,
        count(*) AS about,
        count(*) FILTER (is_conduct) AS messages,
        count(DISTINCT m.complainant) FILTER (is_conduct) AS complainants,
        count(DISTINCT m.event_id) FILTER (is_conduct) AS events,
        count(*) FILTER (is_conduct AND has_unit) AS attributed,
        count(*) FILTER (m.replied) AS replied,
        median(m.reply_days) FILTER (m.replied) AS reply_days
    FROM counted_message AS m
    LEFT JOIN conduct USING (message_id)
    LEFT JOIN attributed USING (message_id)
    GROUP BY m.week
)
SELECT
    w.week,
    coalesce(c.about, 0) AS about,
    coalesce(c.messages, 0) AS messages,
    coalesce(c.complainants, 0) AS complainants,
    coalesce(c.events, 0) AS events,
    coalesce(c.attributed, 0) AS attributed,
    coalesce(r.review, 0) AS review,
    coalesce(c.replied, 0) AS replied,
    c.reply_days
FROM counted_week AS w
LEFT JOIN counts AS c USING (week)
LEFT JOIN waiting AS r USING (week)
ORDER BY w.week
