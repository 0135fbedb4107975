SELECT * EXCLUDE (acked_by, note) FROM alert ORDER BY week, alert_id
