SELECT k.key AS source_id, c.id, c.received_on, d.x, d.y, c.received_at, c.category, d.area_ids, d.on_borders,
       d.border_distance_m, d.unit, u.code AS rule, d.release_id, d.confidence, c.state
FROM cases c
JOIN LATERAL (
    SELECT * FROM decision d WHERE d.received_on = c.received_on AND d.case_id = c.id ORDER BY seq DESC LIMIT 1
) d ON true
LEFT JOIN rule u ON u.id = d.rule_id
LEFT JOIN case_key k ON k.case_id = c.id
ORDER BY c.received_on, c.id
