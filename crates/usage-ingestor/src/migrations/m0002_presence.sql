-- Where each SIM was last, as far as events of its data sessions told. Every row of `sims` has one, made by the same
-- transaction, so whoever learns something only updates. The three parts have a time each: what is older than it is passed
-- over, in whatever order events come.
CREATE TABLE sim_presence (
    iccid bigint PRIMARY KEY,
    -- Both as in `sims`; all zeros while no inventory knows the SIM.
    organization_id uuid NOT NULL,
    missing boolean NOT NULL,
    -- 1 has a data session, 0 has none, -1 nobody told.
    online smallint NOT NULL DEFAULT -1,
    online_at timestamptz NOT NULL DEFAULT '-infinity',
    -- 0 where nobody told.
    mcc smallint NOT NULL DEFAULT 0,
    operator_id integer NOT NULL DEFAULT 0,
    place_at timestamptz NOT NULL DEFAULT '-infinity',
    rat smallint NOT NULL DEFAULT 0,
    rat_at timestamptz NOT NULL DEFAULT '-infinity'
) WITH (fillfactor = 80);

-- How many listed SIMs are where. A number is the sum over the writers: transactions that run together take rows of their own
-- and do not wait for each other, so a row may be negative.
CREATE TABLE presence_counts (
    organization_id uuid NOT NULL,
    online smallint NOT NULL,
    mcc smallint NOT NULL,
    rat smallint NOT NULL,
    writer smallint NOT NULL,
    sims bigint NOT NULL,
    PRIMARY KEY (organization_id, online, mcc, rat, writer)
);

-- The first number that no running transaction holds; with 16 at once the 17th waits for the row of the last.
CREATE FUNCTION presence_writer() RETURNS smallint LANGUAGE sql VOLATILE AS $$
    SELECT coalesce((SELECT number FROM generate_series(0, 15) AS number
                     WHERE pg_try_advisory_xact_lock(hashtext('usage.presence_counts'), number) LIMIT 1), 15)::smallint
$$;

CREATE FUNCTION count_new_presence() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    own smallint := usage.presence_writer();
BEGIN
    INSERT INTO usage.presence_counts AS held (organization_id, online, mcc, rat, writer, sims)
    SELECT organization_id, online, mcc, rat, own, count(*) FROM new_rows WHERE NOT missing
    GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
    ON CONFLICT (organization_id, online, mcc, rat, writer) DO UPDATE SET sims = held.sims + excluded.sims;
    RETURN NULL;
END $$;

CREATE FUNCTION count_changed_presence() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    own smallint := usage.presence_writer();
BEGIN
    INSERT INTO usage.presence_counts AS held (organization_id, online, mcc, rat, writer, sims)
    SELECT organization_id, online, mcc, rat, own, sum(change) FROM (
        SELECT organization_id, online, mcc, rat, -1 AS change FROM old_rows WHERE NOT missing
        UNION ALL
        SELECT organization_id, online, mcc, rat, 1 FROM new_rows WHERE NOT missing
    ) AS changes
    GROUP BY 1, 2, 3, 4 HAVING sum(change) <> 0 ORDER BY 1, 2, 3, 4
    ON CONFLICT (organization_id, online, mcc, rat, writer) DO UPDATE SET sims = held.sims + excluded.sims;
    RETURN NULL;
END $$;

CREATE TRIGGER count_new AFTER INSERT ON sim_presence
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION count_new_presence();
CREATE TRIGGER count_changed AFTER UPDATE ON sim_presence
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION count_changed_presence();

CREATE FUNCTION keep_presence_of_new() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO usage.sim_presence (iccid, organization_id, missing)
    SELECT iccid, coalesce(organization_id, '00000000-0000-0000-0000-000000000000'), missing FROM new_rows ORDER BY iccid;
    RETURN NULL;
END $$;

-- A SIM that moves to another organization or goes missing takes its counts along.
CREATE FUNCTION keep_presence_of_known() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    WITH moved AS MATERIALIZED (
        SELECT held.iccid, coalesce(now.organization_id, '00000000-0000-0000-0000-000000000000') AS organization_id, now.missing
        FROM new_rows AS now JOIN usage.sim_presence AS held USING (iccid)
        WHERE (held.organization_id, held.missing)
              <> (coalesce(now.organization_id, '00000000-0000-0000-0000-000000000000'), now.missing)
        ORDER BY held.iccid FOR UPDATE OF held
    )
    UPDATE usage.sim_presence AS held
    SET organization_id = moved.organization_id, missing = moved.missing
    FROM moved WHERE held.iccid = moved.iccid;
    RETURN NULL;
END $$;

CREATE TRIGGER keep_presence_of_new AFTER INSERT ON sims
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION keep_presence_of_new();
CREATE TRIGGER keep_presence_of_known AFTER UPDATE ON sims
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION keep_presence_of_known();

INSERT INTO sim_presence (iccid, organization_id, missing)
SELECT iccid, coalesce(organization_id, '00000000-0000-0000-0000-000000000000'), missing FROM sims;
