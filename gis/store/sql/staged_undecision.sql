CREATE TEMP TABLE IF NOT EXISTS staged_undecision (received_on date, id bigint, seq integer, note text) ON COMMIT DROP;
TRUNCATE staged_undecision
