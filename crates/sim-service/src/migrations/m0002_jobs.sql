-- Bulk work on many SIMs, and what became of each; kept for 90 days after the end.
CREATE TABLE jobs (
    -- The caller's.
    id uuid PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('sims.update', 'sims.import', 'sims.transfer', 'sims.extension')),
    status text NOT NULL
        CHECK (status IN ('uploading', 'queued', 'running', 'paused', 'completed', 'cancelled', 'failed')),
    dry_run boolean NOT NULL,
    -- NULL: the whole platform.
    organization_id uuid,
    created_by text NOT NULL,
    -- What is wanted; the named SIMs are in the items.
    work jsonb NOT NULL,
    -- SHA-256 of the request, to know the same one again.
    digest bytea NOT NULL,
    -- NULL until the SIMs of a filter are counted.
    total bigint,
    done bigint NOT NULL DEFAULT 0,
    failed bigint NOT NULL DEFAULT 0,
    unchanged bigint NOT NULL DEFAULT 0,
    uncertain bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- When a line of an import came last.
    uploaded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    started_at timestamptz,
    -- A cancelled job has none while something is still in flight.
    finished_at timestamptz,
    -- When a process took it up last: those that wait longest go first.
    worked_at timestamptz,
    error text
);
CREATE INDEX jobs_open ON jobs (worked_at NULLS FIRST, created_at) WHERE finished_at IS NULL;
CREATE INDEX jobs_newest ON jobs (created_at DESC, id DESC);
CREATE INDEX jobs_organization ON jobs (organization_id, created_at DESC, id DESC);
CREATE INDEX jobs_finished ON jobs (finished_at) WHERE finished_at IS NOT NULL;

-- Calls that reach the account and cost money: written down before they are made, each made once.
CREATE TABLE job_calls (
    id uuid PRIMARY KEY,
    job_id uuid NOT NULL REFERENCES jobs ON DELETE CASCADE,
    account text NOT NULL,
    called_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- The newest order before the call, when 1NCE told it: a later one may be this call's.
    order_before bigint,
    -- The order that 1NCE made of it.
    order_number bigint
);
CREATE INDEX job_calls_job ON job_calls (job_id);

CREATE TABLE job_items (
    job_id uuid NOT NULL REFERENCES jobs ON DELETE CASCADE,
    -- The item's place; of an import, the line.
    seq bigint NOT NULL,
    line integer NOT NULL DEFAULT 0,
    -- NULL when the text is no ICCID.
    iccid bigint,
    text text,
    -- Of an import; otherwise the job's.
    change jsonb,
    outcome text NOT NULL DEFAULT 'pending' CHECK
        (outcome IN ('pending', 'calling', 'succeeded', 'unchanged', 'failed', 'uncertain', 'cancelled')),
    code text,
    message text,
    diff jsonb,
    -- Failures that may pass, or looks that proved nothing; and when to try again.
    attempts integer NOT NULL DEFAULT 0,
    retry_at timestamptz,
    call_id uuid REFERENCES job_calls,
    finished_at timestamptz,
    PRIMARY KEY (job_id, seq)
);
CREATE INDEX job_items_open ON job_items (job_id, outcome, seq) WHERE outcome IN ('pending', 'calling');
CREATE INDEX job_items_outcome ON job_items (job_id, outcome, seq);
CREATE INDEX job_items_call ON job_items (call_id) WHERE call_id IS NOT NULL;
