CREATE TEMP TABLE IF NOT EXISTS staged_case (
    id bigint DEFAULT nextval('gridward.case_id'),
    key text, digest text, received_on date, received_at timestamptz, category text, source text, description text,
    original_x double precision, original_y double precision, original_crs text, accuracy_m double precision,
    x double precision, y double precision, quad bigint, state text, placement bigint[], status text,
    closed_at timestamptz,
    on_day date, release_id integer, area_ids bigint[], statuses text[], on_borders boolean[],
    border_distance_m double precision, confidence double precision, unit text, territory_unit text, forward_to text,
    rule_id bigint, runner_up_area text, runner_up_unit text, scope boolean, outcome text, engine text
) ON COMMIT DROP;
TRUNCATE staged_case
