INSERT INTO cases (id, received_on, received_at, category, source, description, original_x, original_y, original_crs,
                   accuracy_m, accuracy_level, part, geom, quad, state, unit, placement, status, closed_at, head)
SELECT s.id, s.received_on, s.received_at, s.category, s.source, s.description, s.original_x, s.original_y,
       s.original_crs, s.accuracy_m, s.accuracy_level, s.part_picked, ST_SetSRID(ST_MakePoint(s.x, s.y), :srid), s.quad, s.state, s.unit, s.placement,
       s.status, s.closed_at, e.hash
FROM staged_case s
JOIN case_event e ON e.received_on = s.received_on AND e.case_id = s.id
                 AND e.seq = CASE WHEN s.closed_at IS NULL THEN 2 ELSE 3 END
