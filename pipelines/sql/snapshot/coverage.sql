SELECT * FROM coverage ORDER BY source, week
