UPDATE precedent
SET valid_to = greatest(valid_from, CAST(:day AS date)), ended_at = :at, ended_by = :by, ended_why = :why,
    ended_id = nextval(pg_get_serial_sequence('gridward.precedent', 'id'))
WHERE id = :id AND (valid_to IS NULL OR valid_to > :day)
