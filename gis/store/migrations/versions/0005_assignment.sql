-- Who must act, with the whole reason: rules with more conditions, precedents, what a decision was given on, rulings of
-- persons, and returns.
SET LOCAL search_path = gridward, public;

ALTER TABLE rule ADD scheme text NOT NULL DEFAULT '', ADD place text NOT NULL DEFAULT '',
    ADD owner text COLLATE "C" NOT NULL DEFAULT '', ADD maintainer text COLLATE "C" NOT NULL DEFAULT '',
    ADD hours text NOT NULL DEFAULT '', ADD days text NOT NULL DEFAULT '', ADD source text NOT NULL DEFAULT '',
    ADD assisting text[] NOT NULL DEFAULT '{}';
-- The classes of parts that a category of trouble is about, as prefixes: 0409 manhole covers -> 01001, 01002 ...
ALTER TABLE category ADD part_types text[] NOT NULL DEFAULT '{}';

-- A ruling that decides later cases on its ground.
CREATE TABLE precedent (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    category    text COLLATE "C" NOT NULL DEFAULT '',
    unit        text COLLATE "C" NOT NULL,
    assisting   text[] NOT NULL DEFAULT '{}',
    reason      text NOT NULL CHECK (reason <> ''),
    evidence    text NOT NULL DEFAULT '',
    received_on date,
    case_id     bigint,
    made_at     timestamptz NOT NULL,
    made_by     text NOT NULL,
    valid_from  date NOT NULL,
    valid_to    date CHECK (valid_to >= valid_from),
    -- Ending one draws an id too: what was decided when a smaller id was the newest knew nothing of the end.
    ended_id    bigint,
    ended_at    timestamptz,
    ended_by    text,
    ended_why   text,
    geom        geometry(MultiPolygon, {srid}) NOT NULL
);
CREATE INDEX ON precedent USING gist (geom);

-- What the reporter said beside the spot: at which level the accuracy's radius holds, and which part.
ALTER TABLE cases ADD accuracy_level double precision NOT NULL DEFAULT 0.68
    CHECK (accuracy_level > 0 AND accuracy_level < 1);
ALTER TABLE cases ADD part text COLLATE "C" NOT NULL DEFAULT '';

-- Arrays are null where there is nothing to list: for most cases.
ALTER TABLE decision
    -- inputs
    ADD accuracy_level double precision NOT NULL DEFAULT 0.68,
    ADD sigma_m double precision,               -- per axis, the lines' accuracy included
    ADD source text NOT NULL DEFAULT '',
    ADD minute smallint NOT NULL DEFAULT 0,     -- local minute of the day received
    ADD part_picked text COLLATE "C" NOT NULL DEFAULT '',
    ADD threshold double precision,             -- confidence below which the border desk decides
    ADD part_certain double precision,          -- share above which a part is taken silently
    ADD known_ids bigint[],                     -- newest rows of the registers by then: units, territories, rules,
                                                -- categories, precedents, parts
    -- what was found
    ADD places text[],    -- layer:code of the places around the spot
    ADD part_ids bigint[],
    ADD part_shares double precision[],
    ADD part_id bigint,                         -- the part that is meant, where that is clear
    ADD candidate_areas text[],   -- unit level; 'outside' and 'gap' by their words
    ADD candidate_shares double precision[],
    ADD candidate_units text[],   -- who would lead there, after rules
    -- what was ruled
    ADD settled_by text NOT NULL DEFAULT '',    -- territory, rule, part, precedent, person; '' = nobody yet
    ADD precedent_id bigint,
    ADD assisting text[],
    ADD desk_reason text NOT NULL DEFAULT '',   -- border, confidence, no_unit, part, returned
    ADD reason text NOT NULL DEFAULT '';        -- a person's words

-- What persons ruled, with the place: looked up near by, and counted.
CREATE TABLE ruling (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    received_on date NOT NULL,
    case_id     bigint NOT NULL,
    seq         integer NOT NULL,               -- of the decision that it made
    kind        text NOT NULL CHECK (kind IN ('desk', 'reassign', 'move')),
    at          timestamptz NOT NULL,
    by          text NOT NULL,
    category    text COLLATE "C" NOT NULL,
    from_unit   text COLLATE "C" NOT NULL,
    unit        text COLLATE "C" NOT NULL,
    reason      text NOT NULL CHECK (reason <> ''),
    evidence    text NOT NULL DEFAULT '',
    geom        geometry(Point, {srid}) NOT NULL,
    UNIQUE (received_on, case_id, seq)
);
CREATE INDEX ON ruling USING gist (geom);

-- A unit gave a case back.
CREATE TABLE case_return (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    received_on date NOT NULL,
    case_id     bigint NOT NULL,
    nth         integer NOT NULL,
    at          timestamptz NOT NULL,
    by          text NOT NULL,
    unit        text COLLATE "C" NOT NULL,
    reason_code text NOT NULL,
    evidence    text NOT NULL CHECK (evidence <> ''),
    proposed    text COLLATE "C" NOT NULL DEFAULT '',
    UNIQUE (received_on, case_id, nth)
);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['precedent', 'ruling', 'case_return'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY add ON %I FOR INSERT TO gridward_all WITH CHECK (true)', name);
        EXECUTE format('CREATE POLICY read_all ON %I FOR SELECT TO gridward_all USING (true)', name);
        EXECUTE format('GRANT SELECT, INSERT ON %I TO gridward_all', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['ruling', 'case_return'] LOOP
        EXECUTE format('CREATE POLICY read_own ON %I FOR SELECT TO gridward_unit USING (EXISTS (SELECT FROM '
                       'gridward.cases c WHERE c.received_on = %I.received_on AND c.id = %I.case_id))', name, name, name);
        EXECUTE format('GRANT SELECT ON %I TO gridward_unit', name);
        EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON %I FOR EACH ROW EXECUTE FUNCTION refuse_change()', name);
    END LOOP;
END $$;
-- Whoever decides needs the precedents, as they need rules.
CREATE POLICY read_others ON precedent FOR SELECT TO gridward_unit, gridward_public USING (true);
GRANT SELECT ON precedent TO gridward_unit, gridward_public;
CREATE POLICY wake ON precedent FOR UPDATE TO gridward_all USING (true) WITH CHECK (true);
GRANT UPDATE (valid_to, ended_id, ended_at, ended_by, ended_why) ON precedent TO gridward_all;
GRANT USAGE ON SEQUENCE precedent_id_seq TO gridward_all;
-- A pin that is moved, a category that is corrected.
GRANT UPDATE (geom, quad, category) ON cases TO gridward_all;
