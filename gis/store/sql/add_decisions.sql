INSERT INTO decision (case_id, received_on, seq, decided_at, decided_by,
                      x, y, category, accuracy_m, accuracy_level, sigma_m, source, minute, part_picked, on_day,
                      release_id, known_ids, threshold, part_certain, area_ids, statuses, on_borders,
                      border_distance_m, places, part_ids, part_shares, part_id, candidate_areas, candidate_shares,
                      candidate_units, confidence, unit, territory_unit, forward_to, rule_id, precedent_id,
                      settled_by, assisting, runner_up_area, runner_up_unit, scope, outcome, desk_reason, engine)
SELECT id, received_on, 1, CAST(:at AS timestamptz), :by,
       x, y, category, accuracy_m, accuracy_level, sigma_m, source, minute, part_picked, on_day, release_id,
       known_ids, threshold, part_certain, area_ids, statuses, on_borders, border_distance_m, places, part_ids,
       part_shares, part_id, candidate_areas, candidate_shares, candidate_units, confidence, unit, territory_unit,
       forward_to, rule_id, precedent_id, settled_by, assisting, runner_up_area, runner_up_unit, scope, outcome,
       desk_reason, engine
FROM staged_case
