CREATE TEMP TABLE staged_part (
    code text COLLATE "C", type text, name text, owner_unit text, maintenance_unit text, supervising_unit text, state text,
    accuracy_class text, data_source text, initial_date date, change_date date, valid_from date, ends bigint, wkb text
) ON COMMIT DROP
