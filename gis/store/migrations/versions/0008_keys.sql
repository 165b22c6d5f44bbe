-- Keys are compared byte by byte: each of them is looked up and stored in an index, and the rules of a language took a
-- fifth of that time. A load that asks for the keys between its lowest and its highest finds them by the index as well.
SET LOCAL search_path = gridward, public;

ALTER TABLE case_key ALTER namespace TYPE text COLLATE "C", ALTER key TYPE text COLLATE "C";

-- A month of a load takes the rows of its days only, and says so: who attaches it need not read them all again.
CREATE OR REPLACE FUNCTION loading_month(day date) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gridward, public AS $$
DECLARE
    first date := date_trunc('month', day);
    parent text;
    child text;
BEGIN
    IF day NOT BETWEEN DATE '2000-01-01' AND DATE '2199-12-31' THEN
        RAISE EXCEPTION 'day % is out of the range 2000 to 2199', day;
    END IF;
    FOREACH parent IN ARRAY ARRAY['cases', 'decision'] LOOP
        child := loading_name(parent) || to_char(first, '_YYYYMM');
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', child, parent);
        EXECUTE format('ALTER TABLE %I ADD CONSTRAINT of_month CHECK (received_on >= %L AND received_on < %L)',
                       child, first, first + interval '1 month');
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                       loading_name(parent), child, first, first + interval '1 month');
    END LOOP;
END $$;

-- A month's index takes a tenth of a second: a parallel worker takes as long to begin, PostGIS included.
CREATE OR REPLACE FUNCTION hand_over_months() RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gridward, public SET max_parallel_maintenance_workers = 0 AS $$
DECLARE
    months text[];
    month text;
    first date;
    parent text;
    child text;
    remaining integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(320404001);  -- as open_month takes it
    SELECT array_agg(right(inhrelid::regclass::text, 6)) INTO months
    FROM pg_inherits WHERE inhparent = loading_name('cases')::regclass;
    FOREACH month IN ARRAY coalesce(months, '{}') LOOP
        IF EXISTS (SELECT FROM pg_catalog.pg_class WHERE relname = 'cases_' || month
                     AND relnamespace = 'gridward'::regnamespace) THEN
            remaining := remaining + 1;
            CONTINUE;
        END IF;
        first := to_date(month, 'YYYYMM');
        FOREACH parent IN ARRAY ARRAY['cases', 'decision'] LOOP
            child := parent || '_' || month;
            EXECUTE format('ALTER TABLE %I DETACH PARTITION %I', loading_name(parent), loading_name(parent) || '_' || month);
            EXECUTE format('ALTER TABLE %I RENAME TO %I', loading_name(parent) || '_' || month, child);
            -- Rights hang on the parent; the partition itself is closed to everybody.
            EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', child);
            EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', child);
            EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                           parent, child, first, first + interval '1 month');
            EXECUTE format('ALTER TABLE %I DROP CONSTRAINT of_month', child);
        END LOOP;
        PERFORM open_month(first);  -- the tables of the month that no load writes
    END LOOP;
    RETURN remaining;
END $$;
