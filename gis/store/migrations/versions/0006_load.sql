-- Storing cases in bulk, and registers that a process keeps until they change.
SET LOCAL search_path = gridward, public;

-- The same bytes as before, so that chains begun before go on. concat_ws and extract are STABLE: an IMMUTABLE function
-- of them is never inlined, and each of the two or three calls for a case took 3 µs instead of 1.
CREATE OR REPLACE FUNCTION event_hash(head bytea, case_id bigint, seq integer, at timestamptz, kind text, by text,
                                      note text)
RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT sha256(head || convert_to(
        case_id || E'\x1f' || seq || E'\x1f'
        || (floor(date_part('epoch', at))::bigint * 1000000 + date_part('microseconds', at)::bigint % 1000000)
        || E'\x1f' || kind || E'\x1f' || by || E'\x1f' || note, 'UTF8'))
$$;

-- A number for what a decision follows from beside areas: whoever keeps registers asks for it first. The row is written
-- in the transaction of the change, so the new number and the new rows are seen together; a sequence gives the number,
-- so that one taken back with its transaction is never another's.
CREATE SEQUENCE register_version;
CREATE TABLE register_state (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    version bigint NOT NULL
);
INSERT INTO register_state (version) VALUES (nextval('register_version'));
ALTER TABLE register_state ENABLE ROW LEVEL SECURITY;
ALTER TABLE register_state FORCE ROW LEVEL SECURITY;
CREATE POLICY read ON register_state FOR SELECT TO gridward_all, gridward_unit, gridward_public USING (true);
GRANT SELECT ON register_state TO gridward_all, gridward_unit, gridward_public;
CREATE POLICY count_up ON register_state FOR UPDATE TO gridward_owner USING (true) WITH CHECK (true);
CREATE POLICY read_own ON register_state FOR SELECT TO gridward_owner USING (true);

CREATE FUNCTION count_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gridward, public AS $$
BEGIN
    UPDATE register_state SET version = nextval('register_version');
    RETURN NULL;
END $$;
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['unit', 'territory', 'category', 'rule', 'precedent', 'release_successor',
                                'release_event'] LOOP
        EXECUTE format('CREATE TRIGGER count_change AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON %I '
                       'FOR EACH STATEMENT EXECUTE FUNCTION count_change()', name);
    END LOOP;
END $$;

-- What a case begins with (it came in, it was decided, it may have been closed before we saw it) follows from its first
-- decision, which never changes: said once, and worked out when somebody asks. Three rows less for each report.
ALTER TABLE decision ADD received_at timestamptz, ADD closed_at timestamptz;
ALTER TABLE case_event RENAME TO case_step;
CREATE VIEW case_event WITH (security_invoker = true) AS
SELECT case_id, received_on, seq, at, kind, by, note, hash FROM case_step
UNION ALL
-- null: the case is older than this view, and its first steps are rows like the others
SELECT d.case_id, d.received_on, e.seq, e.at, e.kind, e.by, e.note, e.hash
FROM decision d
CROSS JOIN LATERAL (
    SELECT CASE WHEN d.outcome <> 'located' THEN d.outcome WHEN d.scope THEN 'dispatched' ELSE 'forwarded' END AS kind,
           coalesce(d.unit, d.forward_to, '') AS target,
           event_hash('\x'::bytea, d.case_id, 1, d.received_at, 'reported', d.source, '') AS h1
) a
CROSS JOIN LATERAL (SELECT event_hash(a.h1, d.case_id, 2, d.decided_at, a.kind, d.decided_by, a.target) AS h2) b
CROSS JOIN LATERAL (
    VALUES (1, d.received_at, 'reported', d.source, '', a.h1),
           (2, d.decided_at, a.kind, d.decided_by, a.target, b.h2),
           (3, d.closed_at, 'closed', d.decided_by, '',
            event_hash(b.h2, d.case_id, 3, d.closed_at, 'closed', d.decided_by, ''))
) e (seq, at, kind, by, note, hash)
WHERE d.seq = 1 AND d.received_at IS NOT NULL AND e.at IS NOT NULL;
GRANT SELECT ON case_event TO gridward_all, gridward_unit;

-- Asked only where a load finds one of its own ids again: a walk through the keys is dearer once than the index for all.
DROP INDEX case_key_case_id_idx;

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
    FOREACH parent IN ARRAY ARRAY['cases', 'decision', 'case_step'] LOOP
        -- the months of before bear the name that the table had
        child := replace(parent, 'case_step', 'case_event') || '_' || to_char(first, 'YYYYMM');
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
