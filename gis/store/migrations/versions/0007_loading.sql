-- A load COPYs what it decided into tables of its own, by month like the real ones, without indexes and without row-level
-- security, which COPY refuses. Nobody else sees them. When it ends, the months that are new are handed over as they are
-- and get all their indexes in one go; the rows of months that are there go in by statement. A row of a new month is
-- written once, and its indexes cost a quarter of what they cost row by row.
SET LOCAL search_path = gridward, public;

-- Two loads at once are two sessions; their tables bear the session's number.
CREATE FUNCTION loading_name(parent text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT 'loading_' || parent || '_' || pg_backend_pid()
$$;

CREATE FUNCTION begin_loading() RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gridward, public AS $$
DECLARE
    parent text;
BEGIN
    FOREACH parent IN ARRAY ARRAY['cases', 'decision'] LOOP
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS) PARTITION BY RANGE (received_on)',
                       loading_name(parent), parent);
        EXECUTE format('GRANT SELECT, INSERT ON %I TO gridward_all', loading_name(parent));
    END LOOP;
END $$;

CREATE FUNCTION loading_month(day date) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
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
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                       loading_name(parent), child, first, first + interval '1 month');
    END LOOP;
END $$;

-- What is the same in every row need not be sent with each. A default of the load's own table, not of the months.
CREATE FUNCTION loading_default(parent text, name text, value text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gridward, public AS $$
BEGIN
    EXECUTE format('ALTER TABLE ONLY %I ALTER COLUMN %I SET DEFAULT %L', loading_name(parent), name, value);
END $$;

-- Hand the months over that are not there yet; returns how many remain to be inserted by statement.
CREATE FUNCTION hand_over_months() RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gridward, public AS $$
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
        END LOOP;
        PERFORM open_month(first);  -- the tables of the month that no load writes
    END LOOP;
    RETURN remaining;
END $$;

CREATE FUNCTION end_loading() RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gridward, public AS $$
BEGIN
    EXECUTE format('DROP TABLE %I, %I', loading_name('cases'), loading_name('decision'));
END $$;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['begin_loading()', 'loading_month(date)', 'loading_default(text, text, text)',
                                'hand_over_months()', 'end_loading()'] LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', name);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO gridward_all', name);
    END LOOP;
END $$;
