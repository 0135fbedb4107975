-- 问题分类:五个方面十五类。
-- code: 问题代码
-- family: 方面代号
-- family_name: 方面:庸、懒、散、乱、贪
-- name: 问题名称
-- severity: 轻重:1 作风,2 失职,3 严重
-- applies_when: 何时认定
SELECT code, family, family_name, name, severity, applies_when FROM given_code ORDER BY place
