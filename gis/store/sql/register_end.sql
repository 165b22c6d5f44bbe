UPDATE {table} t SET validity = daterange(s.valid_from, s.valid_to)
FROM staged_register s
WHERE {same_key} AND lower(t.validity) = s.valid_from AND upper(t.validity) IS DISTINCT FROM s.valid_to
