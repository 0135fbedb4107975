-- 消息计入哪个单位:所指责的单位,或全文唯一提到的单位;各单位表即由此计数。
-- message_id: 消息编号
-- unit_code: 单位编码
SELECT message_id, unit_code FROM counted_unit ORDER BY message_id, unit_code
