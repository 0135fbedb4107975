-- Reads counted_message, counted_week, declared_source (slug, at_least, at_most a day, starts); writes coverage.
-- A source is expected from its declared start, else from its first message; in the first and last week only the days count
-- that lie between the first and the last message of any source. A source that is no longer declared has no bounds.
WITH got AS (
    SELECT source, week, count(*) AS messages, count(DISTINCT posted_on) AS days
    FROM counted_message
    GROUP BY source, week
),
begun AS (
    SELECT source, min(posted_on) AS first_day FROM counted_message GROUP BY source
),
known AS (
    SELECT
        coalesce(d.slug, b.source) AS source,
        coalesce(d.starts, b.first_day) AS starts,
        d.at_least,
        d.at_most
    FROM declared_source AS d
    FULL JOIN begun AS b ON d.slug = b.source
),
expected AS (
    SELECT
        k.source,
        w.week,
        coalesce(g.messages, 0) AS messages,
        coalesce(g.days, 0) AS days,
        -- NULL starts: declared, but nothing ever came, so it is not in use yet
        CASE WHEN k.starts IS NULL THEN 0 ELSE greatest(0, date_diff('day', greatest(w.opens, k.starts), w.closes) + 1) END AS open_days,
        coalesce(k.at_least, 0) AS least_a_day,
        k.at_most AS most_a_day
    FROM known AS k
    CROSS JOIN counted_week AS w
    LEFT JOIN got AS g ON g.source = k.source AND g.week = w.week
),
bounded AS (
    SELECT
        *,
        least_a_day * open_days AS at_least,
        coalesce(most_a_day * CASE WHEN open_days = 0 THEN 7 ELSE open_days END, messages) AS at_most
    FROM expected
)
SELECT
    source,
    week,
    messages,
    days,
    at_least,
    at_most,
    CASE
        WHEN messages = 0 AND open_days = 0 THEN 'not_started'
        WHEN messages = 0 AND at_least > 0 THEN 'silent'
        WHEN messages < at_least THEN 'short'
        WHEN messages > at_most THEN 'over'
        ELSE 'ok'
    END AS status
FROM bounded
ORDER BY source, week
