CREATE EXTENSION IF NOT EXISTS timescaledb;

-- What is known of each SIM that sent records or that sim-service announced: a copy of its inventory in short.
CREATE TABLE sims (
    iccid bigint PRIMARY KEY,
    -- NULL while no inventory knows the SIM.
    organization_id uuid,
    account text,
    tags text[] NOT NULL DEFAULT '{}',
    -- Orders what sim-service tells; an older word never overwrites a newer one.
    revision bigint NOT NULL DEFAULT 0,
    missing boolean NOT NULL DEFAULT false,
    first_seen_at timestamptz NOT NULL DEFAULT now(),
    -- When sim-service was last asked to look for it, and how often.
    asked_at timestamptz,
    asks integer NOT NULL DEFAULT 0
);
CREATE INDEX sims_unknown ON sims (asked_at NULLS FIRST) WHERE organization_id IS NULL;
CREATE INDEX sims_organization ON sims (organization_id, iccid);
CREATE INDEX sims_tags ON sims USING gin (tags);

-- The operators that records name.
CREATE TABLE operators (
    operator_id integer PRIMARY KEY,
    name text NOT NULL,
    mnc text NOT NULL,
    country_id integer NOT NULL,
    mcc smallint NOT NULL,
    country text NOT NULL
);

-- Every usage record once: the key is the guard against records that come again. Volumes are bytes.
CREATE TABLE sim_usage (
    iccid bigint NOT NULL,
    ended_at timestamptz NOT NULL,
    record_id bigint NOT NULL,
    started_at timestamptz NOT NULL,
    rx bigint NOT NULL,
    tx bigint NOT NULL,
    total bigint NOT NULL,
    sms_mo integer NOT NULL,
    sms_mt integer NOT NULL,
    -- 0 where 1NCE does not tell.
    mcc smallint NOT NULL,
    operator_id integer NOT NULL,
    rat smallint NOT NULL,
    imsi bigint NOT NULL,
    tariff_id integer NOT NULL,
    ratezone_id integer NOT NULL,
    session_id uuid,
    PRIMARY KEY (iccid, ended_at, record_id)
);
SELECT create_hypertable('sim_usage', 'ended_at', chunk_time_interval => INTERVAL '7 days', create_default_indexes => false);

-- Daily totals (UTC, by the end of the record), raised in the transaction that stores the records.
CREATE TABLE sim_usage_daily (
    iccid bigint NOT NULL,
    day date NOT NULL,
    -- What the stream told.
    rx bigint NOT NULL DEFAULT 0,
    tx bigint NOT NULL DEFAULT 0,
    total bigint NOT NULL DEFAULT 0,
    sms_mo integer NOT NULL DEFAULT 0,
    sms_mt integer NOT NULL DEFAULT 0,
    data_records integer NOT NULL DEFAULT 0,
    sessions integer NOT NULL DEFAULT 0,
    -- Short hashes of the sessions counted, the last 64: a session with several records counts once.
    session_marks integer[] NOT NULL DEFAULT '{}',
    last_ended_at timestamptz,
    -- What 1NCE's API told of the same day, and when.
    api_rx bigint,
    api_tx bigint,
    api_total bigint,
    api_sms_mo integer,
    api_sms_mt integer,
    api_read_at timestamptz,
    -- Platform 2.0 rounds each session up to a KB, so the API may tell up to 1,024 bytes more per record. What it tells
    -- beyond that did not come by stream: then the API's number is the day's.
    data_by_api boolean NOT NULL GENERATED ALWAYS AS (coalesce(api_total > total + 1024 * data_records::bigint, false)) STORED,
    used_rx bigint NOT NULL GENERATED ALWAYS AS
        (CASE WHEN api_total > total + 1024 * data_records::bigint THEN api_rx ELSE rx END) STORED,
    used_tx bigint NOT NULL GENERATED ALWAYS AS
        (CASE WHEN api_total > total + 1024 * data_records::bigint THEN api_tx ELSE tx END) STORED,
    used_total bigint NOT NULL GENERATED ALWAYS AS
        (CASE WHEN api_total > total + 1024 * data_records::bigint THEN api_total ELSE total END) STORED,
    used_sms_mo integer NOT NULL GENERATED ALWAYS AS (greatest(sms_mo, api_sms_mo)) STORED,
    used_sms_mt integer NOT NULL GENERATED ALWAYS AS (greatest(sms_mt, api_sms_mt)) STORED,
    -- Stream and API differ by more than rounding explains, in either direction.
    differs boolean NOT NULL GENERATED ALWAYS AS (
        coalesce(api_total > total + 1024 * data_records::bigint OR api_total < total - data_records
                 OR api_sms_mo <> sms_mo OR api_sms_mt <> sms_mt, false)
    ) STORED,
    PRIMARY KEY (iccid, day)
) WITH (fillfactor = 80);
-- Rows come in the order of their days, so a small index finds a range of days for all SIMs.
CREATE INDEX sim_usage_daily_day ON sim_usage_daily USING brin (day) WITH (pages_per_range = 32);
CREATE INDEX sim_usage_daily_differs ON sim_usage_daily (day, iccid) WHERE differs;

-- The fleet's daily totals by organization, country, operator and RAT; sums over everything equal the sums of
-- `used_*` above. Writers take different rows, so that they do not wait for each other.
CREATE TABLE fleet_usage_daily (
    day date NOT NULL,
    -- All zeros while no inventory knows the SIM.
    organization_id uuid NOT NULL,
    mcc smallint NOT NULL,
    operator_id integer NOT NULL,
    -- -1: what only the API told, which breaks nothing down.
    rat smallint NOT NULL,
    writer smallint NOT NULL,
    rx bigint NOT NULL,
    tx bigint NOT NULL,
    total bigint NOT NULL,
    sms_mo bigint NOT NULL,
    sms_mt bigint NOT NULL,
    PRIMARY KEY (day, organization_id, mcc, operator_id, rat, writer)
);

-- Events of the Data Streamer, SMS events too. `iccid` is 0 when an event is about no SIM.
CREATE TABLE sim_events (
    iccid bigint NOT NULL,
    occurred_at timestamptz NOT NULL,
    -- 1 network or platform, 2 MO SMS, 3 delivery report.
    kind smallint NOT NULL,
    event_id bigint NOT NULL,
    type_id integer NOT NULL,
    type_text text NOT NULL,
    severity text NOT NULL,
    source text NOT NULL,
    alert boolean NOT NULL,
    description text NOT NULL,
    triggered_by text,
    imsi bigint,
    -- JSON as it came.
    detail text,
    PRIMARY KEY (iccid, occurred_at, kind, event_id)
);
SELECT create_hypertable('sim_events', 'occurred_at', chunk_time_interval => INTERVAL '7 days', create_default_indexes => false);

-- Records that could not be read, as received; the same bytes are kept once.
CREATE TABLE rejects (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- SHA-256 of `raw`.
    digest bytea NOT NULL UNIQUE,
    raw bytea NOT NULL,
    kind text NOT NULL,
    reason text NOT NULL,
    -- The batch that brought it last: its sequence in the stream INGEST.
    batch bigint NOT NULL,
    seen bigint NOT NULL DEFAULT 1,
    received_at timestamptz NOT NULL,
    last_received_at timestamptz NOT NULL,
    replayed_at timestamptz
);
CREATE INDEX rejects_open ON rejects (id) WHERE replayed_at IS NULL;
CREATE INDEX rejects_received ON rejects (last_received_at);

-- What arrived in each hour, by stream.
CREATE TABLE ingest_hours (
    hour timestamptz NOT NULL,
    -- `usage` or `events`.
    stream text NOT NULL,
    writer smallint NOT NULL,
    batches bigint NOT NULL,
    records bigint NOT NULL,
    duplicates bigint NOT NULL,
    rejects bigint NOT NULL,
    last_received_at timestamptz NOT NULL,
    last_record_at timestamptz,
    PRIMARY KEY (hour, stream, writer)
);

-- Where each stream stands; written by whoever holds the watch.
CREATE TABLE stream_state (
    stream text PRIMARY KEY,
    silent_since timestamptz,
    expected_per_hour double precision,
    -- Up to when a gap was handed to the readings by API.
    filled_until timestamptz,
    -- End of the oldest record: days before the stream began cannot be compared with the API.
    first_record_at timestamptz
);

-- The readings by API: each SIM's next one, the most urgent first.
CREATE TABLE sync_state (
    iccid bigint PRIMARY KEY,
    -- 0 somebody asked, 1 a gap of the stream, 2 a SIM that is new here, 3 the regular check.
    priority smallint NOT NULL,
    due_at timestamptz NOT NULL,
    -- The first day to read; NULL means the day after `checked_through`, or as far back as is kept.
    from_day date,
    -- Every day up to this one was compared when it was closed.
    checked_through date,
    last_read_at timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    last_error text,
    failed_at timestamptz,
    -- Who works on it, until when; nobody else takes it before.
    taken_until timestamptz
);
CREATE INDEX sync_state_next ON sync_state (priority, due_at);
CREATE INDEX sync_state_read ON sync_state (last_read_at);
CREATE INDEX sync_state_failed ON sync_state (failed_at) WHERE failed_at IS NOT NULL;

-- Every SIM that becomes known gets its first reading.
CREATE FUNCTION want_reading() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO usage.sync_state (iccid, priority, due_at)
    SELECT iccid, 2, now() FROM new_rows WHERE organization_id IS NOT NULL AND NOT missing ORDER BY iccid
    ON CONFLICT (iccid) DO NOTHING;
    RETURN NULL;
END $$;

CREATE TRIGGER want_reading_of_new AFTER INSERT ON sims
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION want_reading();
CREATE TRIGGER want_reading_of_known AFTER UPDATE ON sims
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION want_reading();

-- Old chunks go, and younger ones are compressed, as far as the edition of TimescaleDB can. The owner's work: a service's
-- role may not drop chunks. Answers what the edition is.
CREATE FUNCTION keep_storage(usage_days integer, events_days integer, compress_after_days integer) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = usage, public, pg_temp AS $$
DECLARE
    edition text := current_setting('timescaledb.license', true);
    part record;
BEGIN
    FOR part IN SELECT * FROM (VALUES ('usage.sim_usage', usage_days, 'ended_at, record_id'),
                                      ('usage.sim_events', events_days, 'occurred_at, kind, event_id'))
                AS parts (relation, days, sequence)
    LOOP
        IF edition = 'timescale' THEN
            IF NOT EXISTS (SELECT FROM timescaledb_information.hypertables
                           WHERE format('%s.%s', hypertable_schema, hypertable_name) = part.relation AND compression_enabled)
            THEN
                EXECUTE format('ALTER TABLE %s SET (timescaledb.compress, timescaledb.compress_segmentby = ''iccid'', '
                               'timescaledb.compress_orderby = %L)', part.relation, part.sequence);
            END IF;
            IF NOT EXISTS (SELECT FROM timescaledb_information.jobs
                           WHERE proc_name = 'policy_compression'
                             AND format('%s.%s', hypertable_schema, hypertable_name) = part.relation
                             AND (config ->> 'compress_after')::interval = make_interval(days => compress_after_days))
            THEN
                PERFORM remove_compression_policy(part.relation::regclass, if_exists => true);
                PERFORM add_compression_policy(part.relation::regclass, make_interval(days => compress_after_days));
            END IF;
            IF NOT EXISTS (SELECT FROM timescaledb_information.jobs
                           WHERE proc_name = 'policy_retention'
                             AND format('%s.%s', hypertable_schema, hypertable_name) = part.relation
                             AND (config ->> 'drop_after')::interval = make_interval(days => part.days))
            THEN
                PERFORM remove_retention_policy(part.relation::regclass, if_exists => true);
                PERFORM add_retention_policy(part.relation::regclass, make_interval(days => part.days));
            END IF;
        ELSE
            PERFORM drop_chunks(part.relation::regclass, older_than => make_interval(days => part.days));
        END IF;
    END LOOP;
    RETURN coalesce(edition, 'none');
END $$;
