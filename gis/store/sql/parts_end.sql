UPDATE part t SET validity = daterange(lower(t.validity), least(upper(t.validity), s.valid_from))
FROM staged_part s
WHERE t.id = s.ends
