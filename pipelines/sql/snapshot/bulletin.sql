SELECT * FROM bulletin ORDER BY number
