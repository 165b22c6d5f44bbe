-- The first look by to_regclass leaves "absent" in the session's catalogue cache, and waiting for an advisory lock does not
-- refresh it: two first reports of a month at once both made the tables. A query has a snapshot of its own.
SET LOCAL search_path = gridward, public;

CREATE OR REPLACE FUNCTION open_month(day date) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gridward, public AS $$
DECLARE
    first date := date_trunc('month', day);
    parent text;
    child text;
BEGIN
    IF day NOT BETWEEN DATE '2000-01-01' AND DATE '2199-12-31' THEN
        RAISE EXCEPTION 'day % is out of the range 2000 to 2199', day;
    END IF;
    IF EXISTS (SELECT FROM pg_catalog.pg_class WHERE relname = 'case_event_' || to_char(first, 'YYYYMM')
                 AND relnamespace = 'gridward'::regnamespace) THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(320404001);
    FOREACH parent IN ARRAY ARRAY['cases', 'decision', 'case_event'] LOOP
        child := parent || '_' || to_char(first, 'YYYYMM');
        CONTINUE WHEN EXISTS (SELECT FROM pg_catalog.pg_class WHERE relname = child
                                AND relnamespace = 'gridward'::regnamespace);
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', child, parent);
        -- Rights hang on the parent; the partition itself is closed to everybody.
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', child);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', child);
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                       parent, child, first, first + interval '1 month');
    END LOOP;
END $$;
