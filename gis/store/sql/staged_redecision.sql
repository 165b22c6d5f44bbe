CREATE TEMP TABLE IF NOT EXISTS staged_redecision (
    received_on date, id bigint, decided boolean, kind text, note text, state text, x double precision,
    y double precision, category text, accuracy_m double precision, on_day date, release_id integer, area_ids bigint[],
    statuses text[], on_borders boolean[], border_distance_m double precision, confidence double precision, unit text,
    territory_unit text, forward_to text, rule_id bigint, runner_up_area text, runner_up_unit text, scope boolean,
    outcome text, engine text
) ON COMMIT DROP;
TRUNCATE staged_redecision
