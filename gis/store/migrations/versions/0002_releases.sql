-- What a release keeps beside its areas: what the check found, which field said what, which scope each layer had; what
-- changed against the release below it; what an approval was given for; what waking it did to open cases.
SET LOCAL search_path = gridward, public;

ALTER TABLE release ADD findings jsonb NOT NULL DEFAULT '[]';
ALTER TABLE release ADD fields jsonb NOT NULL DEFAULT '{}';
ALTER TABLE release ADD scopes jsonb NOT NULL DEFAULT '{}';

-- An empty period overlaps nothing, so sleeping rows need no entry; code first, because the few levels cannot part the
-- tree. Storing and waking 10,000 areas took 1.4 s with the constraint of before and takes 0.7 s with this one.
ALTER TABLE area DROP CONSTRAINT area_level_code_validity_excl;
ALTER TABLE area ADD EXCLUDE USING gist (code WITH =, level WITH =, validity WITH &&)
    WHERE (NOT isempty(validity)) DEFERRABLE INITIALLY IMMEDIATE;

-- true: the area was in the delivery; false: it carried over from the release below
ALTER TABLE release_area ADD delivered boolean NOT NULL DEFAULT true;

-- An approval is for this content on this base with this impact, as JSON.
ALTER TABLE release_event ADD bound jsonb NOT NULL DEFAULT '{}';

-- The line as the survey delivered it, where the stored one was repaired, snapped or dissolved.
CREATE TABLE area_delivered (
    area_id bigint PRIMARY KEY REFERENCES area,
    sha256  text NOT NULL,
    geom    geometry(Geometry, {srid}) NOT NULL
);

-- What changed, as JSON by level; made anew when a steward corrects the lineage: the newest row counts.
CREATE TABLE release_diff (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    release_id  integer NOT NULL REFERENCES release,
    at          timestamptz NOT NULL,
    by          text NOT NULL,
    reason      text NOT NULL DEFAULT '',
    corrections jsonb NOT NULL DEFAULT '[]',
    changes     jsonb NOT NULL
);
CREATE INDEX ON release_diff (release_id, id DESC);

-- Which area takes the place of one that ends, for territories and rules that name it.
CREATE TABLE release_successor (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    release_id integer NOT NULL REFERENCES release,
    ending     text COLLATE "C" NOT NULL,
    successor  text COLLATE "C" NOT NULL,
    at         timestamptz NOT NULL,
    by         text NOT NULL
);
CREATE INDEX ON release_successor (release_id);

-- What waking or withdrawing a release did to open cases, one row each time.
CREATE TABLE release_effect (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    release_id integer NOT NULL REFERENCES release,
    at         timestamptz NOT NULL,
    by         text NOT NULL,
    step       text NOT NULL CHECK (step IN ('active', 'withdrawn')),
    policy     text NOT NULL,
    counts     jsonb NOT NULL
);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['area_delivered', 'release_diff', 'release_successor', 'release_effect'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY read ON %I FOR SELECT TO gridward_all, gridward_unit, gridward_public USING (true)', name);
        EXECUTE format('CREATE POLICY add ON %I FOR INSERT TO gridward_all WITH CHECK (true)', name);
        EXECUTE format('GRANT SELECT ON %I TO gridward_all, gridward_unit, gridward_public', name);
        EXECUTE format('GRANT INSERT ON %I TO gridward_all', name);
        EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON %I FOR EACH ROW EXECUTE FUNCTION refuse_change()', name);
    END LOOP;
END $$;
