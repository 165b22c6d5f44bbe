-- A person's decision on the evidence of the newest one: where the spot lies stays, who leads is said.
INSERT INTO decision (case_id, received_on, seq, decided_at, decided_by,
                      x, y, category, accuracy_m, accuracy_level, sigma_m, source, minute, part_picked, on_day,
                      release_id, known_ids, threshold, part_certain, area_ids, statuses, on_borders, border_distance_m, places,
                      part_ids, part_shares, part_id, candidate_areas, candidate_shares, candidate_units, confidence,
                      unit, territory_unit, forward_to, rule_id, precedent_id, settled_by, assisting, runner_up_area,
                      runner_up_unit, scope, outcome, desk_reason, reason, engine)
SELECT case_id, received_on, seq + 1, :at, :by,
       x, y, category, accuracy_m, accuracy_level, sigma_m, source, minute, part_picked, on_day, release_id,
       known_ids, threshold, part_certain, area_ids, statuses, on_borders, border_distance_m, places, part_ids, part_shares,
       part_id, candidate_areas, candidate_shares, candidate_units, confidence, CAST(:unit AS text), territory_unit,
       CAST(:forward_to AS text), NULL, NULL, :settled_by, CAST(:assisting AS text[]), runner_up_area, CASE WHEN unit
       IS DISTINCT FROM CAST(:unit AS text) THEN coalesce(unit, runner_up_unit) ELSE runner_up_unit END, :scope,
       :outcome, :desk_reason, :reason, engine
FROM decision
WHERE received_on = :day AND case_id = :id
ORDER BY seq DESC LIMIT 1
RETURNING seq
