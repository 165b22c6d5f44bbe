SELECT c.received_on, c.id, c.received_at, c.category, c.description, d.accuracy_m, d.x, d.y, d.border_distance_m,
       d.confidence, d.candidate_areas, d.candidate_shares, d.candidate_units, d.desk_reason, d.release_id
FROM cases c
JOIN LATERAL (
    SELECT * FROM decision d WHERE d.received_on = c.received_on AND d.case_id = c.id ORDER BY d.seq DESC LIMIT 1
) d ON true
WHERE c.state = 'border_desk' AND c.id > :after
ORDER BY c.id
LIMIT :limit
