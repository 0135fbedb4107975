-- 问题的五个方面。
-- family: 方面代号
-- name: 庸、懒、散、乱、贪
SELECT DISTINCT ON (family) family, family_name AS name FROM given_code ORDER BY place
