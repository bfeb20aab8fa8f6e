-- The generation of 1NCE's API whose list a run reads from its first page to its last; why it waits at the moment; and what
-- somebody should look at although it ended well.
ALTER TABLE sync_runs
    ADD COLUMN generation text CHECK (generation IN ('v1', 'v2')),
    ADD COLUMN waiting_since timestamptz,
    ADD COLUMN waiting_reason text,
    ADD COLUMN warning text;

-- SIMs that a settled transfer took out of the account: that 1NCE lists them no more is no surprise.
CREATE TABLE leaving_sims (
    iccid bigint PRIMARY KEY REFERENCES sims ON DELETE CASCADE,
    since timestamptz NOT NULL DEFAULT clock_timestamp()
);
