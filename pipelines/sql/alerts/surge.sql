-- Reads surge, unit, unit_week, unit_week_code, week_code. One parameter: the week.
SELECT
    'surge' AS kind,
    nullif(s.unit_code, '') AS unit_code,
    nullif(s.code, '') AS code,
    u.name AS unit_name,
    s.observed,
    s.expected,
    s.upper,
    coalesce(uc.messages, uw.messages, wc.messages, 0) AS messages
FROM surge AS s
LEFT JOIN (SELECT code, arg_max(name, valid_from) AS name FROM unit GROUP BY code) AS u ON u.code = s.unit_code
LEFT JOIN unit_week_code AS uc ON s.series = 'unit_code' AND uc.unit_code = s.unit_code AND uc.week = s.week AND uc.code = s.code
LEFT JOIN unit_week AS uw ON s.series = 'unit' AND uw.unit_code = s.unit_code AND uw.week = s.week
LEFT JOIN week_code AS wc ON s.series = 'code' AND wc.week = s.week AND wc.code = s.code
WHERE s.week = ?
    AND NOT (s.series = 'unit' AND EXISTS (
        FROM surge AS finer
        WHERE finer.series = 'unit_code' AND finer.week = s.week AND finer.unit_code = s.unit_code
    ))
ORDER BY s.series, s.unit_code, s.code
