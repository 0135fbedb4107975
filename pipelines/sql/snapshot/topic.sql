-- 公共事务的十五个领域。
-- topic: 领域
SELECT topic FROM given_topic ORDER BY place
