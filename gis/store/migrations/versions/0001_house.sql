-- The house. Roles gridward_owner (runs this), gridward_app and the class roles exist already: a cluster's superuser
-- makes them, because roles belong to the cluster and not to a database. {srid} is the place's working CRS.
CREATE SCHEMA gridward;
SET LOCAL search_path = gridward, public;
GRANT USAGE ON SCHEMA gridward TO gridward_all, gridward_unit, gridward_public;

-- One database is one place: a second place file on the same database is refused by the application.
CREATE TABLE place (
    one        boolean PRIMARY KEY DEFAULT true CHECK (one),
    code       text NOT NULL,
    crs        text NOT NULL,
    levels     text[] NOT NULL
);

-- Boundary releases -------------------------------------------------------------------------------------------------
CREATE TABLE release (
    id              integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    title           text NOT NULL,
    document        text NOT NULL,
    source          text NOT NULL,
    licence         text NOT NULL,
    synthetic       boolean NOT NULL,
    valid_from      date NOT NULL,
    line_accuracy_m double precision NOT NULL CHECK (line_accuracy_m > 0),
    levels          text[] NOT NULL,
    hash            text NOT NULL,
    -- the release it was compared with: waking it beside another one would wake stale rows
    base_id         integer REFERENCES release,
    accepted        jsonb NOT NULL DEFAULT '[]'
);

CREATE TABLE release_event (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    release_id integer NOT NULL REFERENCES release,
    step       text NOT NULL CHECK (step IN ('staged', 'approved', 'active', 'withdrawn')),
    at         timestamptz NOT NULL,
    by         text NOT NULL,
    reason     text NOT NULL DEFAULT ''
);
CREATE INDEX ON release_event (release_id, id DESC);

-- An area is a polygon with a period. Asleep its validity is empty; empty ranges never collide in the exclusion
-- constraint, so any number of staged releases can lie beside the one that is awake.
CREATE TABLE area (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    level        text NOT NULL,
    code         text COLLATE "C" NOT NULL,
    name         text NOT NULL,
    name_en      text NOT NULL DEFAULT '',
    parent       text COLLATE "C" NOT NULL DEFAULT '',
    path         text COLLATE "C" NOT NULL,
    residents    integer,
    has_children boolean NOT NULL,
    area_m2      double precision NOT NULL,
    validity     daterange NOT NULL DEFAULT 'empty',
    geom         geometry(MultiPolygon, {srid}) NOT NULL,
    EXCLUDE USING gist (level WITH =, code WITH =, validity WITH &&) DEFERRABLE INITIALLY IMMEDIATE
);
CREATE INDEX ON area USING gist (geom);
CREATE INDEX ON area (level, code);

-- Everything on the map that is not a nested area: roads, river, land use, markets, landmarks.
CREATE TABLE feature (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    layer    text NOT NULL,
    code     text COLLATE "C" NOT NULL,
    name     text NOT NULL DEFAULT '',
    name_en  text NOT NULL DEFAULT '',
    class    text NOT NULL DEFAULT '',
    width_m  double precision,
    validity daterange NOT NULL DEFAULT 'empty',
    geom     geometry(Geometry, {srid}) NOT NULL,
    EXCLUDE USING gist (layer WITH =, code WITH =, validity WITH &&) DEFERRABLE INITIALLY IMMEDIATE
);
CREATE INDEX ON feature USING gist (geom);

-- A release is a set of areas and features: those it shares with the release before it are the same rows.
CREATE TABLE release_area (
    release_id integer NOT NULL REFERENCES release,
    area_id    bigint NOT NULL REFERENCES area,
    PRIMARY KEY (release_id, area_id)
);
CREATE INDEX ON release_area (area_id);
CREATE TABLE release_feature (
    release_id integer NOT NULL REFERENCES release,
    feature_id bigint NOT NULL REFERENCES feature,
    PRIMARY KEY (release_id, feature_id)
);
CREATE INDEX ON release_feature (feature_id);

CREATE VIEW release_state WITH (security_invoker = true) AS
SELECT DISTINCT ON (release_id) release_id, id AS event_id, step, at, by
FROM release_event ORDER BY release_id, id DESC;

-- Registers ---------------------------------------------------------------------------------------------------------
CREATE TABLE unit (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code     text COLLATE "C" NOT NULL,
    name     text NOT NULL,
    name_en  text NOT NULL DEFAULT '',
    kind     text NOT NULL CHECK (kind IN ('street', 'department', 'external')),
    contact  text NOT NULL DEFAULT '',
    validity daterange NOT NULL CHECK (NOT isempty(validity)),
    EXCLUDE USING gist (code WITH =, validity WITH &&)
);
CREATE TABLE territory (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    area_code text COLLATE "C" NOT NULL,
    unit      text COLLATE "C" NOT NULL,
    validity  daterange NOT NULL CHECK (NOT isempty(validity)),
    EXCLUDE USING gist (area_code WITH =, validity WITH &&)
);
CREATE TABLE category (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scheme    text NOT NULL,
    code      text COLLATE "C" NOT NULL,
    parent    text COLLATE "C" NOT NULL DEFAULT '',
    kind      text NOT NULL CHECK (kind IN ('part', 'event')),
    name      text NOT NULL,
    name_en   text NOT NULL DEFAULT '',
    sensitive boolean NOT NULL DEFAULT false,
    validity  daterange NOT NULL CHECK (NOT isempty(validity)),
    EXCLUDE USING gist (scheme WITH =, kind WITH =, code WITH =, validity WITH &&)
);
CREATE TABLE rule (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code      text COLLATE "C" NOT NULL,
    ord       integer NOT NULL,
    category  text COLLATE "C" NOT NULL DEFAULT '',
    area      text COLLATE "C" NOT NULL DEFAULT '',
    unit      text COLLATE "C" NOT NULL,
    reason    text NOT NULL DEFAULT '',
    reason_en text NOT NULL DEFAULT '',
    validity  daterange NOT NULL CHECK (NOT isempty(validity)),
    EXCLUDE USING gist (code WITH =, validity WITH &&)
);
CREATE TABLE part (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code           text COLLATE "C" NOT NULL,
    type           text NOT NULL,
    name           text NOT NULL,
    owner_unit     text COLLATE "C" NOT NULL DEFAULT '',
    maintenance_unit text COLLATE "C" NOT NULL DEFAULT '',
    state          text NOT NULL,
    accuracy_class text NOT NULL,
    data_source    text NOT NULL DEFAULT '',
    validity       daterange NOT NULL CHECK (NOT isempty(validity)),
    geom           geometry(Point, {srid}) NOT NULL,
    EXCLUDE USING gist (code WITH =, validity WITH &&)
);
CREATE INDEX ON part USING gist (geom);

-- Cases -------------------------------------------------------------------------------------------------------------
CREATE SEQUENCE case_id;

-- Which keys are stored already: a file's row, a client's id. Not partitioned, so that a key is unique for ever.
CREATE TABLE case_key (
    namespace   text NOT NULL,
    key         text NOT NULL,
    digest      bytea NOT NULL,
    received_on date NOT NULL,
    case_id     bigint NOT NULL,
    PRIMARY KEY (namespace, key)
);
CREATE INDEX ON case_key (case_id);

-- The case as it stands now: everything in it follows from its events and decisions. `placement` holds the area ids of
-- the release in force today, one for each level, coarsest first (null = outside or gap): maps count by it. What a case
-- was decided on stays in `decision`.
CREATE TABLE cases (
    id          bigint NOT NULL,
    received_on date NOT NULL,
    received_at timestamptz NOT NULL,
    category    text COLLATE "C" NOT NULL,
    source      text NOT NULL,
    description text NOT NULL DEFAULT '',
    original_x  double precision NOT NULL,
    original_y  double precision NOT NULL,
    original_crs text NOT NULL,
    accuracy_m  double precision NOT NULL CHECK (accuracy_m > 0),
    geom        geometry(Point, {srid}) NOT NULL,
    quad        bigint NOT NULL,
    state       text NOT NULL,
    unit        text COLLATE "C",
    placement   bigint[] NOT NULL,
    status      text NOT NULL CHECK (status IN ('area', 'outside', 'gap')),
    closed_at   timestamptz,
    head        bytea NOT NULL,
    PRIMARY KEY (received_on, id)
) PARTITION BY RANGE (received_on);
CREATE INDEX ON cases (id);
CREATE INDEX ON cases (quad);
CREATE INDEX ON cases (unit, received_on);
CREATE INDEX ON cases USING gist (geom);

-- The evidence: one row for each decision, never changed. Arrays run over the levels, coarsest first.
CREATE TABLE decision (
    case_id           bigint NOT NULL,
    received_on       date NOT NULL,
    seq               integer NOT NULL,
    decided_at        timestamptz NOT NULL,
    decided_by        text NOT NULL,
    x                 double precision NOT NULL,
    y                 double precision NOT NULL,
    category          text COLLATE "C" NOT NULL,
    on_day            date NOT NULL,
    release_id        integer,
    area_ids          bigint[] NOT NULL,
    statuses          text[] NOT NULL,
    on_borders        boolean[] NOT NULL,
    border_distance_m double precision,
    accuracy_m        double precision NOT NULL,
    confidence        double precision NOT NULL,
    unit              text COLLATE "C",
    territory_unit    text COLLATE "C",
    forward_to        text COLLATE "C",
    rule_id           bigint,
    runner_up_area    text COLLATE "C",
    runner_up_unit    text COLLATE "C",
    scope             boolean NOT NULL,
    outcome           text NOT NULL,
    engine            text NOT NULL,
    PRIMARY KEY (received_on, case_id, seq)
) PARTITION BY RANGE (received_on);

-- What happened to a case. hash = sha256(hash of the event before || the event), so a changed past shows.
CREATE TABLE case_event (
    case_id     bigint NOT NULL,
    received_on date NOT NULL,
    seq         integer NOT NULL,
    at          timestamptz NOT NULL,
    kind        text NOT NULL,
    by          text NOT NULL,
    note        text NOT NULL DEFAULT '',
    hash        bytea NOT NULL,
    PRIMARY KEY (received_on, case_id, seq)
) PARTITION BY RANGE (received_on);

CREATE FUNCTION event_hash(head bytea, case_id bigint, seq integer, at timestamptz, kind text, by text, note text)
RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT sha256(head || convert_to(concat_ws(E'\x1f', case_id, seq, (extract(epoch FROM at) * 1000000)::bigint,
                                               kind, by, note), 'UTF8'))
$$;

-- A load's own rows, gone with its transaction: COPY cannot go into a table with row-level security.
CREATE FUNCTION open_month(day date) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = gridward, public AS $$
DECLARE
    first date := date_trunc('month', day);
    parent text;
    child text;
BEGIN
    IF day NOT BETWEEN DATE '2000-01-01' AND DATE '2199-12-31' THEN
        RAISE EXCEPTION 'day % is out of the range 2000 to 2199', day;
    END IF;
    IF to_regclass('gridward.cases_' || to_char(first, 'YYYYMM')) IS NOT NULL THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(320404001);
    FOREACH parent IN ARRAY ARRAY['cases', 'decision', 'case_event'] LOOP
        child := parent || '_' || to_char(first, 'YYYYMM');
        CONTINUE WHEN to_regclass('gridward.' || child) IS NOT NULL;
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', child, parent);
        -- Rights hang on the parent; the partition itself is closed to everybody.
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', child);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', child);
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                       parent, child, first, first + interval '1 month');
    END LOOP;
END $$;
REVOKE ALL ON FUNCTION open_month(date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION open_month(date) TO gridward_all, gridward_public;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is history: rows are added, never changed or deleted', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON release_event FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON decision FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON case_event FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- Rights ------------------------------------------------------------------------------------------------------------
-- Every table forces row-level security, the owner included. gridward_app may do nothing until it takes a class role.
DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT relname FROM pg_class
                WHERE relnamespace = 'gridward'::regnamespace AND relkind IN ('r', 'p') LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    END LOOP;
    -- What every class may read: the map and the registers.
    FOREACH name IN ARRAY ARRAY['place', 'release', 'release_event', 'area', 'feature', 'release_area',
                                'release_feature', 'unit', 'territory', 'category', 'rule'] LOOP
        EXECUTE format('CREATE POLICY read ON %I FOR SELECT TO gridward_all, gridward_unit, gridward_public USING (true)', name);
        EXECUTE format('GRANT SELECT ON %I TO gridward_all, gridward_unit, gridward_public', name);
    END LOOP;
    -- What the class that sees all may add.
    FOREACH name IN ARRAY ARRAY['place', 'release', 'release_event', 'area', 'feature', 'release_area',
                                'release_feature', 'unit', 'territory', 'category', 'rule', 'part', 'case_key', 'cases',
                                'decision', 'case_event'] LOOP
        EXECUTE format('CREATE POLICY add ON %I FOR INSERT TO gridward_all WITH CHECK (true)', name);
        EXECUTE format('GRANT INSERT ON %I TO gridward_all', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['part', 'case_key', 'cases', 'decision', 'case_event'] LOOP
        EXECUTE format('CREATE POLICY read_all ON %I FOR SELECT TO gridward_all USING (true)', name);
        EXECUTE format('GRANT SELECT ON %I TO gridward_all', name);
    END LOOP;
    -- Waking and sleeping, closing a register's row, the case as it stands: the only updates there are.
    FOREACH name IN ARRAY ARRAY['area', 'feature', 'unit', 'territory', 'category', 'rule', 'part'] LOOP
        EXECUTE format('CREATE POLICY wake ON %I FOR UPDATE TO gridward_all USING (true) WITH CHECK (true)', name);
        EXECUTE format('GRANT UPDATE (validity) ON %I TO gridward_all', name);
    END LOOP;
END $$;
GRANT SELECT ON release_state TO gridward_all, gridward_unit, gridward_public;
GRANT USAGE ON SEQUENCE case_id TO gridward_all;
CREATE POLICY proceed ON cases FOR UPDATE TO gridward_all USING (true) WITH CHECK (true);
GRANT UPDATE (state, unit, placement, status, closed_at, head) ON cases TO gridward_all;

-- A unit sees the cases that are its own, and their evidence; without the setting (NULL, or '' after a commit) nothing.
CREATE FUNCTION own_unit() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('gridward.unit', true), '')
$$;
CREATE POLICY read_own ON cases FOR SELECT TO gridward_unit USING (unit = (SELECT gridward.own_unit()));
CREATE POLICY read_own ON decision FOR SELECT TO gridward_unit USING (
    EXISTS (SELECT FROM gridward.cases c WHERE c.received_on = decision.received_on AND c.id = decision.case_id));
CREATE POLICY read_own ON case_event FOR SELECT TO gridward_unit USING (
    EXISTS (SELECT FROM gridward.cases c WHERE c.received_on = case_event.received_on AND c.id = case_event.case_id));
CREATE POLICY read_unit ON part FOR SELECT TO gridward_unit USING (true);
GRANT SELECT ON cases, decision, case_event, part TO gridward_unit;

-- The public counts cases but reads none: no position, no words, no reporter. Columns, not rows, are withheld.
CREATE POLICY count_all ON cases FOR SELECT TO gridward_public USING (true);
GRANT SELECT (received_on, category, source, state, unit, placement, status) ON cases TO gridward_public;
