-- How many SIMs of each organization are in which state, kept exact by the triggers below. A SIM's numbers are the sums over
-- the writers: transactions that run together take rows of their own and do not wait for each other, so a row may be
-- negative.
CREATE TABLE fleet_counts (
    organization_id uuid NOT NULL,
    list_status smallint NOT NULL,
    -- -1 where 1NCE tells nothing.
    data_status integer NOT NULL,
    sms_status integer NOT NULL,
    writer smallint NOT NULL,
    sims bigint NOT NULL,
    PRIMARY KEY (organization_id, list_status, data_status, sms_status, writer)
);

-- The first number that no running transaction holds; with 16 at once the 17th waits for the row of the last.
CREATE FUNCTION fleet_counts_writer() RETURNS smallint LANGUAGE sql VOLATILE AS $$
    SELECT coalesce((SELECT number FROM generate_series(0, 15) AS number
                     WHERE pg_try_advisory_xact_lock(hashtext('sim.fleet_counts'), number) LIMIT 1), 15)::smallint
$$;

CREATE FUNCTION count_new_states() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    own smallint := sim.fleet_counts_writer();
BEGIN
    INSERT INTO sim.fleet_counts AS held (organization_id, list_status, data_status, sms_status, writer, sims)
    SELECT organization_id, list_status, coalesce(data_status, -1), coalesce(sms_status, -1), own, count(*) FROM new_rows
    GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
    ON CONFLICT (organization_id, list_status, data_status, sms_status, writer)
        DO UPDATE SET sims = held.sims + excluded.sims;
    RETURN NULL;
END $$;

CREATE FUNCTION count_changed_states() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    own smallint := sim.fleet_counts_writer();
BEGIN
    INSERT INTO sim.fleet_counts AS held (organization_id, list_status, data_status, sms_status, writer, sims)
    SELECT organization_id, list_status, data, sms, own, sum(change) FROM (
        SELECT organization_id, list_status, coalesce(data_status, -1) AS data, coalesce(sms_status, -1) AS sms,
               -1 AS change FROM old_rows
        UNION ALL
        SELECT organization_id, list_status, coalesce(data_status, -1), coalesce(sms_status, -1), 1 FROM new_rows
    ) AS changes
    GROUP BY 1, 2, 3, 4 HAVING sum(change) <> 0 ORDER BY 1, 2, 3, 4
    ON CONFLICT (organization_id, list_status, data_status, sms_status, writer)
        DO UPDATE SET sims = held.sims + excluded.sims;
    RETURN NULL;
END $$;

-- The triggers come before the first count, and their lock keeps everybody from changing a SIM in between.
CREATE TRIGGER count_new_states AFTER INSERT ON sims
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION count_new_states();
CREATE TRIGGER count_changed_states AFTER UPDATE ON sims
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION count_changed_states();

INSERT INTO fleet_counts (organization_id, list_status, data_status, sms_status, writer, sims)
SELECT organization_id, list_status, coalesce(data_status, -1), coalesce(sms_status, -1), 0, count(*)
FROM sims GROUP BY 1, 2, 3, 4;

-- The oldest and the newest reading of an organization's listed SIMs.
CREATE INDEX sims_read ON sims (organization_id, account, read_at) WHERE missing_since IS NULL AND NOT unjudged;
