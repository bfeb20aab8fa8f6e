CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;

CREATE TABLE accounts (
    slug text PRIMARY KEY,
    organization_id uuid NOT NULL,
    -- Start of the last complete reading: every listed SIM is at least as fresh as this.
    last_complete_at timestamptz
);

CREATE TABLE sims (
    iccid bigint PRIMARY KEY,
    account text NOT NULL REFERENCES accounts,
    organization_id uuid NOT NULL,
    revision bigint NOT NULL,
    status smallint NOT NULL,
    provider_status text NOT NULL,
    imsi text,
    imsi_2 text,
    current_imsi text,
    msisdn text,
    imei text,
    imei_lock boolean,
    label text,
    ip_address text,
    activation_date timestamptz,
    data_total bigint,
    data_status integer,
    data_threshold_at timestamptz,
    data_exceeded_at timestamptz,
    sms_total bigint,
    sms_status integer,
    sms_threshold_at timestamptz,
    sms_exceeded_at timestamptz,
    metadata jsonb NOT NULL DEFAULT '{}',
    extra jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    -- When the request began whose answer this row holds: an older answer never overwrites a newer one.
    read_at timestamptz NOT NULL,
    missing_since timestamptz,
    -- The last complete reading did not list it, and 1NCE did not say whether it is gone.
    unjudged boolean NOT NULL DEFAULT false,
    -- The status that lists filter by: 9 means missing.
    list_status smallint NOT NULL GENERATED ALWAYS AS (CASE WHEN missing_since IS NULL THEN status ELSE 9 END) STORED,
    search_text text NOT NULL GENERATED ALWAYS AS (
        lower(iccid::text || ' ' || coalesce(label, '') || ' ' || coalesce(imei, '') || ' '
              || coalesce(msisdn, '') || ' ' || coalesce(ip_address, ''))
    ) STORED,
    -- Cut, because an index entry has a largest size and a label has none.
    sort_label text NOT NULL GENERATED ALWAYS AS (lower(left(coalesce(label, ''), 200))) STORED
);

CREATE INDEX sims_organization ON sims (organization_id, iccid) WHERE list_status < 9;
CREATE INDEX sims_status ON sims (list_status, iccid);
-- Every order has one index of the listed SIMs and one by status: SIMs that became missing together, or one delivery's
-- cards, stand together in an order, and a walk that filters would pass all the others first.
CREATE INDEX sims_listed ON sims (iccid) WHERE list_status < 9;
CREATE INDEX sims_label ON sims (sort_label, iccid) WHERE list_status < 9;
CREATE INDEX sims_created ON sims (created_at, iccid) WHERE list_status < 9;
CREATE INDEX sims_updated ON sims (updated_at, iccid) WHERE list_status < 9;
CREATE INDEX sims_status_label ON sims (list_status, sort_label, iccid);
CREATE INDEX sims_status_created ON sims (list_status, created_at, iccid);
CREATE INDEX sims_status_updated ON sims (list_status, updated_at, iccid);
CREATE INDEX sims_unjudged ON sims (account) WHERE unjudged;
CREATE INDEX sims_search ON sims USING gin (search_text public.gin_trgm_ops);

-- Tenant and status of the SIM stand here too, so that a list by tag is a walk along one index.
CREATE TABLE sim_tags (
    tag text NOT NULL,
    iccid bigint NOT NULL REFERENCES sims ON DELETE CASCADE,
    organization_id uuid NOT NULL,
    list_status smallint NOT NULL,
    PRIMARY KEY (tag, iccid) INCLUDE (organization_id, list_status)
);
CREATE INDEX sim_tags_sim ON sim_tags (iccid);

-- How many SIMs of each organization, account and status a range of 1,000 ICCIDs holds: the total of a list and the place of
-- any of its pages, without walking the list.
CREATE TABLE sim_buckets (
    bucket bigint NOT NULL,
    organization_id uuid NOT NULL,
    account text NOT NULL,
    list_status smallint NOT NULL,
    sims bigint NOT NULL,
    PRIMARY KEY (bucket, organization_id, account, list_status)
);

CREATE FUNCTION count_new_sims() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO sim.sim_buckets AS held (bucket, organization_id, account, list_status, sims)
    SELECT iccid / 1000, organization_id, account, list_status, count(*) FROM new_rows
    GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
    ON CONFLICT (bucket, organization_id, account, list_status) DO UPDATE SET sims = held.sims + excluded.sims;
    RETURN NULL;
END $$;

CREATE FUNCTION count_changed_sims() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO sim.sim_buckets AS held (bucket, organization_id, account, list_status, sims)
    SELECT bucket, organization_id, account, list_status, sum(change) FROM (
        SELECT iccid / 1000 AS bucket, organization_id, account, list_status, -1 AS change FROM old_rows
        UNION ALL
        SELECT iccid / 1000, organization_id, account, list_status, 1 FROM new_rows
    ) AS changes
    GROUP BY 1, 2, 3, 4 HAVING sum(change) <> 0 ORDER BY 1, 2, 3, 4
    ON CONFLICT (bucket, organization_id, account, list_status) DO UPDATE SET sims = held.sims + excluded.sims;
    UPDATE sim.sim_tags SET organization_id = now.organization_id, list_status = now.list_status
    FROM new_rows AS now JOIN old_rows AS before ON before.iccid = now.iccid
    WHERE sim_tags.iccid = now.iccid
      AND (before.organization_id, before.list_status) IS DISTINCT FROM (now.organization_id, now.list_status);
    RETURN NULL;
END $$;

CREATE TRIGGER count_new AFTER INSERT ON sims
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION count_new_sims();
CREATE TRIGGER count_changed AFTER UPDATE ON sims
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION count_changed_sims();

CREATE TABLE sync_runs (
    id uuid PRIMARY KEY,
    account text NOT NULL REFERENCES accounts,
    state text NOT NULL CHECK (state IN ('queued', 'running', 'completed', 'failed')),
    reason text NOT NULL CHECK (reason IN ('schedule', 'request')),
    requested_by text,
    accept_mass_missing boolean NOT NULL DEFAULT false,
    queued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    started_at timestamptz,
    finished_at timestamptz,
    pass integer NOT NULL DEFAULT 1,
    pass_started_at timestamptz,
    -- The checkpoint: the first page of this pass that is not stored.
    next_page integer NOT NULL DEFAULT 1,
    pages_total integer,
    -- What 1NCE counted on the first page of this pass, and whether a later page counted otherwise.
    pass_total bigint,
    total_moved boolean NOT NULL DEFAULT false,
    sims_seen bigint NOT NULL DEFAULT 0,
    sims_discovered bigint NOT NULL DEFAULT 0,
    sims_changed bigint NOT NULL DEFAULT 0,
    sims_missing bigint NOT NULL DEFAULT 0,
    records_rejected bigint NOT NULL DEFAULT 0,
    resumed integer NOT NULL DEFAULT 0,
    error text
);
CREATE UNIQUE INDEX sync_runs_one_active ON sync_runs (account) WHERE state IN ('queued', 'running');
CREATE INDEX sync_runs_queued ON sync_runs (account, queued_at);
CREATE INDEX sync_runs_finished ON sync_runs (account, finished_at DESC) WHERE finished_at IS NOT NULL;

-- What each stored page of an active run held; gone when the run ends.
CREATE TABLE sweep_pages (
    run_id uuid NOT NULL REFERENCES sync_runs ON DELETE CASCADE,
    pass integer NOT NULL,
    page integer NOT NULL,
    iccids bigint[] NOT NULL,
    rejected integer NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (run_id, pass, page)
);

-- Records of 1NCE that could not be read, with their text and the reason; kept for 30 days after they came last.
CREATE TABLE rejects (
    account text NOT NULL REFERENCES accounts,
    -- SHA-256 of the text.
    digest bytea NOT NULL,
    raw text NOT NULL,
    reason text NOT NULL,
    -- How often it came, and the run in which it came last.
    seen bigint NOT NULL,
    run_id uuid NOT NULL,
    first_seen_at timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account, digest)
);
CREATE INDEX rejects_last_seen ON rejects (last_seen_at);
