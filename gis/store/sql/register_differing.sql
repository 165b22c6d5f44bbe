SELECT {key} || ' (' || s.valid_from || ')'
FROM staged_register s JOIN {table} t ON {same_key} AND lower(t.validity) = s.valid_from
WHERE {differs}
ORDER BY 1
