-- Keys in the order of their bytes, and loads whose indexes are built by two sessions at once.
SET LOCAL search_path = gridward, public;

-- Each key is looked up and stored in an index; the rules of a language took a fifth of that time. A load that asks whether
-- any key lies between its lowest and its highest finds that by the index as well.
ALTER TABLE case_key ALTER namespace TYPE text COLLATE "C", ALTER key TYPE text COLLATE "C";

-- A load is three steps now. Its rows go into tables of its own by one transaction, which commits; then several sessions
-- give those tables the indexes of the real ones; then the transaction that has held the keys all along hands them over.
-- Until then nobody sees the rows, and without that they are dropped. The tables bear the load's number, which that last
-- transaction holds as a lock: tables whose number can be locked are left over from a load that broke off.
CREATE SEQUENCE load_number AS integer CYCLE;

DROP FUNCTION begin_loading();
DROP FUNCTION loading_month(date);
DROP FUNCTION loading_default(text, text, text);
DROP FUNCTION hand_over_months();
DROP FUNCTION end_loading();
DROP FUNCTION loading_name(text);

CREATE FUNCTION loading_name(load integer, parent text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT 'loading_' || parent || '_' || load
$$;

-- Drop what loads left that broke off; returns how many tables.
CREATE FUNCTION sweep_loading() RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gridward, public AS $$
DECLARE
    name text;
    swept integer := 0;
BEGIN
    FOR name IN SELECT relname FROM pg_catalog.pg_class
                WHERE relnamespace = 'gridward'::regnamespace AND relkind = 'p' AND relname ~ '^loading_[a-z]+_[0-9]+$'
    LOOP
        IF pg_try_advisory_xact_lock(320404007, substring(name FROM '[0-9]+$')::integer) THEN
            EXECUTE format('DROP TABLE IF EXISTS %I', name);
            swept := swept + 1;
        END IF;
    END LOOP;
    RETURN swept;
END $$;

-- The number of a load, held until this transaction ends.
CREATE FUNCTION begin_loading() RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gridward, public AS $$
DECLARE
    load integer := nextval('load_number');
BEGIN
    PERFORM sweep_loading();
    PERFORM pg_advisory_xact_lock(320404007, load);
    RETURN load;
END $$;

CREATE FUNCTION make_loading(load integer) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gridward, public AS $$
DECLARE
    parent text;
BEGIN
    FOREACH parent IN ARRAY ARRAY['cases', 'decision'] LOOP
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS) PARTITION BY RANGE (received_on)',
                       loading_name(load, parent), parent);
        EXECUTE format('GRANT SELECT, INSERT ON %I TO gridward_all', loading_name(load, parent));
    END LOOP;
END $$;

CREATE FUNCTION loading_month(load integer, day date) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
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
        child := loading_name(load, parent) || to_char(first, '_YYYYMM');
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', child, parent);
        -- It says so itself: who attaches it need not read it all again.
        EXECUTE format('ALTER TABLE %I ADD CONSTRAINT of_month CHECK (received_on >= %L AND received_on < %L)',
                       child, first, first + interval '1 month');
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                       loading_name(load, parent), child, first, first + interval '1 month');
    END LOOP;
END $$;

-- What is the same in every row need not be sent with each. A default of the load's own table, not of the months.
CREATE FUNCTION loading_default(load integer, parent text, name text, value text) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = gridward, public AS $$
BEGIN
    EXECUTE format('ALTER TABLE ONLY %I ALTER COLUMN %I SET DEFAULT %L', loading_name(load, parent), name, value);
END $$;

-- Give a month of a load the indexes that it will need. One takes a tenth of a second, and a parallel worker takes as long
-- to begin, with PostGIS: other months are other sessions' at the same time.
CREATE FUNCTION index_month(load integer, day date) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gridward, public SET max_parallel_maintenance_workers = 0 AS $$
DECLARE
    parent text;
    child text;
    kept record;
BEGIN
    FOREACH parent IN ARRAY ARRAY['cases', 'decision'] LOOP
        child := loading_name(load, parent) || to_char(day, '_YYYYMM');
        FOR kept IN SELECT indisprimary AS first, substring(pg_get_indexdef(indexrelid) FROM ' USING .*$') AS said
                    FROM pg_index WHERE indrelid = parent::regclass
        LOOP
            IF kept.first THEN
                EXECUTE format('ALTER TABLE %I ADD PRIMARY KEY %s', child, substring(kept.said FROM '\(.*\)$'));
            ELSE
                EXECUTE format('CREATE INDEX ON %I %s', child, kept.said);
            END IF;
        END LOOP;
    END LOOP;
END $$;

-- Hand the months over that are not there yet; returns how many remain to be inserted by statement.
CREATE FUNCTION hand_over_months(load integer) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gridward, public SET max_parallel_maintenance_workers = 0 AS $$
DECLARE
    months text[];
    month text;
    first date;
    parent text;
    child text;
    index_name text;
    remaining integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(320404001);  -- as open_month takes it
    SELECT array_agg(right(inhrelid::regclass::text, 6)) INTO months
    FROM pg_inherits WHERE inhparent = loading_name(load, 'cases')::regclass;
    FOREACH month IN ARRAY coalesce(months, '{}') LOOP
        IF EXISTS (SELECT FROM pg_catalog.pg_class WHERE relname = 'cases_' || month
                     AND relnamespace = 'gridward'::regnamespace) THEN
            remaining := remaining + 1;
            CONTINUE;
        END IF;
        first := to_date(month, 'YYYYMM');
        FOREACH parent IN ARRAY ARRAY['cases', 'decision'] LOOP
            child := parent || '_' || month;
            EXECUTE format('ALTER TABLE %I DETACH PARTITION %I', loading_name(load, parent),
                           loading_name(load, parent) || '_' || month);
            EXECUTE format('ALTER TABLE %I RENAME TO %I', loading_name(load, parent) || '_' || month, child);
            -- Rights hang on the parent; the partition itself is closed to everybody.
            EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', child);
            EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', child);
            EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                           parent, child, first, first + interval '1 month');
            EXECUTE format('ALTER TABLE %I DROP CONSTRAINT of_month', child);
            FOR index_name IN SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = child::regclass
                              AND indexrelid::regclass::text LIKE 'loading%' LOOP
                EXECUTE format('ALTER INDEX %I RENAME TO %I', index_name,
                               replace(index_name, loading_name(load, parent) || '_' || month, child));
            END LOOP;
        END LOOP;
        PERFORM open_month(first);  -- the tables of the month that no load writes
    END LOOP;
    RETURN remaining;
END $$;

CREATE FUNCTION end_loading(load integer) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gridward, public AS $$
BEGIN
    EXECUTE format('DROP TABLE %I, %I', loading_name(load, 'cases'), loading_name(load, 'decision'));
END $$;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['sweep_loading()', 'begin_loading()', 'make_loading(integer)', 'loading_month(integer, date)',
                                'loading_default(integer, text, text, text)', 'index_month(integer, date)',
                                'hand_over_months(integer)', 'end_loading(integer)'] LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', name);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO gridward_all', name);
    END LOOP;
END $$;
