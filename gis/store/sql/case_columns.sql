key text, digest text, received_on date, received_at timestamptz, description text, original_x double
precision, original_y double precision, original_crs text, quad bigint, state text, placement bigint[], status text,
closed_at timestamptz, x double precision, y double precision, category text, accuracy_m double precision,
accuracy_level double precision, sigma_m double precision, source text, minute smallint, part_picked text, on_day
date, release_id integer, known_ids bigint[], threshold double precision, part_certain double precision, area_ids
bigint[], statuses text[], on_borders boolean[], border_distance_m double precision, places text[], part_ids bigint[],
part_shares double precision[], part_id bigint, candidate_areas text[], candidate_shares double precision[],
candidate_units text[], confidence double precision, unit text, territory_unit text, forward_to text, rule_id bigint,
precedent_id bigint, settled_by text, assisting text[], runner_up_area text, runner_up_unit text, scope boolean,
outcome text, desk_reason text, engine text
