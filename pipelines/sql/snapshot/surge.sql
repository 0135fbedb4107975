SELECT * FROM surge ORDER BY week, series, unit_code, code
