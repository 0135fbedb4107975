-- complainants: 不同诉求人数;匿名者按事件计;少于下限者隐去为空
-- complainants_hidden: 诉求人数是否因少于下限(meta.small_cell)而隐去
SELECT
    * REPLACE (CASE WHEN complainants = 0 OR complainants >= (SELECT small_cell FROM given_meta) THEN complainants END AS complainants),
    complainants > 0 AND complainants < (SELECT small_cell FROM given_meta) AS complainants_hidden
FROM week_code
ORDER BY week, code
