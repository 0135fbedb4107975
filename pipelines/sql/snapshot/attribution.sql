SELECT a.* FROM attribution AS a SEMI JOIN counted_message USING (message_id) ORDER BY message_id, field, start, mention
