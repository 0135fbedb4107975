-- Which message asserts which code, once a person's correction has had the last word.
SELECT s.message_id, s.code
FROM signal AS s
SEMI JOIN counted_message USING (message_id)
ANTI JOIN (SELECT message_id, code FROM correction WHERE verdict = 'rejected') AS c
    ON s.message_id = c.message_id AND s.code = c.code
WHERE s.status = 'asserted'
UNION
SELECT c.message_id, c.code
FROM correction AS c
SEMI JOIN counted_message USING (message_id)
WHERE c.verdict IN ('confirmed', 'added')
