-- A job that waits because 1NCE cannot be used at the moment: since when, why (`CODE: text`), and when it is tried again.
ALTER TABLE jobs
    ADD COLUMN waiting_since timestamptz,
    ADD COLUMN waiting_reason text,
    ADD COLUMN waiting_until timestamptz;

-- When 1NCE accepted the call. Without a number beside it, one order that 1NCE lists belongs to it.
ALTER TABLE job_calls ADD COLUMN accepted_at timestamptz;
CREATE INDEX job_calls_order ON job_calls (order_number) WHERE order_number IS NOT NULL;

-- Jobs that ended with an open call are taken up again, and end when it is settled.
UPDATE jobs SET finished_at = NULL WHERE finished_at IS NOT NULL AND status IN ('failed', 'cancelled') AND EXISTS (
    SELECT FROM job_items WHERE job_id = jobs.id AND outcome = 'calling');

-- Lines of an import so far.
ALTER TABLE jobs ADD COLUMN lines bigint NOT NULL DEFAULT 0;
UPDATE jobs SET lines = (SELECT count(*) FROM job_items WHERE job_id = jobs.id) WHERE status = 'uploading';
