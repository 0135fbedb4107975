SELECT * FROM unit ORDER BY code, valid_from
