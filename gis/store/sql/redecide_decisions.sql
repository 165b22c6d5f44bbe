INSERT INTO decision (case_id, received_on, seq, decided_at, decided_by,
                      x, y, category, accuracy_m, accuracy_level, sigma_m, source, minute, part_picked, on_day,
                      release_id, known_ids, threshold, part_certain, area_ids, statuses, on_borders, border_distance_m, places,
                      part_ids, part_shares, part_id, candidate_areas, candidate_shares, candidate_units, confidence,
                      unit, territory_unit, forward_to, rule_id, precedent_id, settled_by, assisting, runner_up_area,
                      runner_up_unit, scope, outcome, desk_reason, reason, engine)
SELECT s.id, s.received_on, n.seq, :at, :by,
       s.x, s.y, s.category, s.accuracy_m, s.accuracy_level, s.sigma_m, s.source, s.minute, s.part_picked, s.on_day,
       s.release_id, s.known_ids, s.threshold, s.part_certain, s.area_ids, coalesce(s.statuses, array_fill('area'::text, ARRAY[cardinality(s.area_ids)])),
       coalesce(s.on_borders, array_fill(false, ARRAY[cardinality(s.area_ids)])), s.border_distance_m, s.places,
       s.part_ids, s.part_shares, s.part_id, s.candidate_areas, s.candidate_shares, s.candidate_units, s.confidence,
       s.unit, s.territory_unit, s.forward_to, s.rule_id, s.precedent_id, s.settled_by, s.assisting, s.runner_up_area,
       s.runner_up_unit, s.scope, s.outcome, s.desk_reason, s.reason, s.engine
FROM staged_redecision s
CROSS JOIN LATERAL (
    SELECT max(d.seq) + 1 AS seq FROM decision d WHERE d.received_on = s.received_on AND d.case_id = s.id
) n
WHERE s.decided
