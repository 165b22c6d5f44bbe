CREATE TEMP TABLE IF NOT EXISTS staged_placement (
    received_on date, id bigint, placement bigint[], status text
) ON COMMIT DROP;
TRUNCATE staged_placement
