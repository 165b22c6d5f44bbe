-- A decided report becomes a case, a decision and a key in one statement. What it begins with (it came in, it was decided,
-- it may have been closed before we saw it) is worked out from the decision by the view case_event; here only the end of
-- that chain is, which the case holds. OFFSET 0 keeps a hash from being worked out once for each use.
WITH {before}numbered AS (
    SELECT nextval('gridward.case_id') AS id, s.* FROM {staged} OFFSET 0
), begun AS (
    SELECT n.*, CASE WHEN outcome <> 'located' THEN outcome WHEN scope THEN 'dispatched' ELSE 'forwarded' END AS kind,
           coalesce(unit, forward_to, '') AS target,
           event_hash('\x'::bytea, id, 1, received_at, 'reported', source, '') AS h1
    FROM numbered n OFFSET 0
), decided AS (
    SELECT b.*, event_hash(h1, id, 2, CAST(:at AS timestamptz), kind, CAST(:by AS text), target) AS h2
    FROM begun b OFFSET 0
), given AS MATERIALIZED (
    SELECT d.*, CASE WHEN closed_at IS NOT NULL
                     THEN event_hash(h2, id, 3, closed_at, 'closed', CAST(:by AS text), '') END AS h3
    FROM decided d
), decisions AS (
    INSERT INTO decision (
        case_id, received_on, seq, decided_at, decided_by, received_at, closed_at,
        x, y, category, accuracy_m, accuracy_level, sigma_m, source, minute, part_picked, on_day, release_id,
        known_ids, threshold, part_certain, area_ids, statuses, on_borders, border_distance_m, places, part_ids,
        part_shares, part_id, candidate_areas, candidate_shares, candidate_units, confidence, unit, territory_unit,
        forward_to, rule_id, precedent_id, settled_by, assisting, runner_up_area, runner_up_unit, scope, outcome,
        desk_reason, engine)
    SELECT id, received_on, 1, CAST(:at AS timestamptz), :by, received_at, closed_at,
        x, y, category, accuracy_m, accuracy_level, sigma_m, source, minute, part_picked, on_day, release_id,
        known_ids, threshold, part_certain, area_ids,
        statuses, on_borders, border_distance_m, places, part_ids,
        part_shares, part_id, candidate_areas, candidate_shares, candidate_units, confidence, unit, territory_unit,
        forward_to, rule_id, precedent_id, settled_by, assisting, runner_up_area, runner_up_unit, scope, outcome,
        desk_reason, engine
    FROM given
), keys AS (
    INSERT INTO case_key (namespace, key, digest, received_on, case_id)
    SELECT CAST(:namespace AS text), key, decode(digest, 'hex'), received_on, id FROM given
    WHERE CAST(:namespace AS text) IS NOT NULL
), added AS (
    INSERT INTO cases (
        id, received_on, received_at, category, source, description, original_x, original_y, original_crs, accuracy_m,
        accuracy_level, part, geom, quad, state, unit, placement, status, closed_at, head)
    SELECT id, received_on, received_at, category, source, description, original_x, original_y, original_crs, accuracy_m,
        accuracy_level, part_picked, ST_SetSRID(ST_MakePoint(x, y), :srid), quad, state, unit, coalesce(placement, area_ids), status, closed_at,
        coalesce(h3, h2)
    FROM given
)
SELECT {told}
