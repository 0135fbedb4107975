-- The calendar: every ISO week from the first message to the last, none left out; `days` of it lie between the two.
WITH span AS (
    SELECT min(posted_on) AS first_day, max(posted_on) AS last_day FROM counted_message
),
mondays AS (
    SELECT first_day, last_day, CAST(unnest(generate_series(date_trunc('week', first_day), last_day, INTERVAL 7 DAY)) AS DATE) AS monday
    FROM span
    WHERE first_day IS NOT NULL
)
SELECT
    strftime(monday, '%G-W%V') AS week,
    greatest(monday, first_day) AS opens,
    least(monday + 6, last_day) AS closes
FROM mondays
