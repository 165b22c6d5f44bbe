-- A decision of before, decided again: state and kind of the event follow from it.
INSERT INTO staged_redecision (received_on, id, decided, kind, note, state,
                               x, y, category, accuracy_m, accuracy_level, sigma_m, source, minute, part_picked,
                               on_day, release_id, known_ids, threshold, part_certain, area_ids, statuses, on_borders,
                               border_distance_m, places, part_ids, part_shares, part_id, candidate_areas,
                               candidate_shares, candidate_units, confidence, unit, territory_unit, forward_to,
                               rule_id, precedent_id, settled_by, assisting, runner_up_area, runner_up_unit, scope,
                               outcome, desk_reason, reason, engine)
SELECT s.received_on, s.id, true, k.kind, s.note, k.kind,
       d.x, d.y, d.category, d.accuracy_m, d.accuracy_level, d.sigma_m, d.source, d.minute, d.part_picked, d.on_day,
       d.release_id, d.known_ids, d.threshold, d.part_certain, d.area_ids, d.statuses, d.on_borders, d.border_distance_m, d.places,
       d.part_ids, d.part_shares, d.part_id, d.candidate_areas, d.candidate_shares, d.candidate_units, d.confidence,
       d.unit, d.territory_unit, d.forward_to, d.rule_id, d.precedent_id, d.settled_by, d.assisting, d.runner_up_area,
       d.runner_up_unit, d.scope, d.outcome, d.desk_reason, d.reason, d.engine
FROM staged_undecision s
JOIN decision d ON d.received_on = s.received_on AND d.case_id = s.id AND d.seq = s.seq
CROSS JOIN LATERAL (
    SELECT CASE WHEN d.outcome <> 'located' THEN d.outcome WHEN d.scope THEN 'dispatched' ELSE 'forwarded' END AS kind
) k
