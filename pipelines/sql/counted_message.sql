-- Every message that counts (not withdrawn), with its event and who it comes from. The anonymous count once an event.
SELECT
    m.message_id,
    m.source,
    m.week,
    CAST(m.posted_at AS DATE) AS posted_on,
    coalesce(e.event_id, 'e' || substr(m.message_id, 2)) AS event_id,
    coalesce(m.complainant_key, e.event_id, 'e' || substr(m.message_id, 2)) AS complainant,
    (m.replied_at IS NOT NULL OR coalesce(m.reply, '') <> '') AS replied,
    m.reply_days,
    m.satisfied,
    m.reopened,
    r.topic
FROM clean_message AS m
LEFT JOIN event_member AS e USING (message_id)
LEFT JOIN reading AS r USING (message_id)
WHERE NOT m.withdrawn
