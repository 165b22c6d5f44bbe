INSERT INTO {table} ({columns}, validity)
SELECT {s_columns}, daterange(s.valid_from, s.valid_to)
FROM staged_register s
WHERE NOT EXISTS (SELECT FROM {table} t WHERE {same_key} AND lower(t.validity) = s.valid_from)
