CREATE TEMP TABLE IF NOT EXISTS staged_case ({columns}) ON COMMIT DROP;
TRUNCATE staged_case
