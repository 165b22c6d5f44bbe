-- A territory that ended goes on until the next one of its area begins, or for ever.
UPDATE territory t
SET validity = daterange(lower(t.validity), (
    SELECT min(lower(n.validity)) FROM territory n
    WHERE n.area_code = t.area_code AND lower(n.validity) >= upper(t.validity)))
FROM unnest(CAST(:codes AS text[]), CAST(:ended AS date[])) AS v(code, ended)
WHERE t.area_code = v.code AND upper(t.validity) = v.ended
RETURNING t.area_code
