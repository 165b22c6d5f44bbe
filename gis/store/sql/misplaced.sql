-- A case is placed rightly when every area it names is awake today and none that it lacks can have appeared: cases
-- outside or in a gap are looked at again each time.
SELECT c.received_on, c.id, ST_X(c.geom) AS x, ST_Y(c.geom) AS y
FROM cases c
WHERE c.status <> 'area'
   OR EXISTS (SELECT FROM unnest(c.placement) p(id) JOIN area a ON a.id = p.id WHERE NOT a.validity @> CAST(:today AS date))
   OR array_position(c.placement, NULL) IS NOT NULL
