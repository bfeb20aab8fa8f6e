-- Every row carries the hash of the row before it. `audit_head` has the last one, so that a missing end shows too.
ALTER TABLE audit_log
    ADD COLUMN subjects text[] NOT NULL DEFAULT '{}',
    ADD COLUMN seq bigint,
    ADD COLUMN prev_hash bytea,
    ADD COLUMN hash bytea;

CREATE TABLE audit_head (
    the_one boolean PRIMARY KEY DEFAULT true CHECK (the_one),
    seq bigint NOT NULL,
    hash bytea NOT NULL,
    at timestamptz NOT NULL,
    -- Rows up to this one were forgotten on purpose; the hash of the last of them.
    forgotten_seq bigint NOT NULL DEFAULT 0,
    forgotten_hash bytea NOT NULL
);
INSERT INTO audit_head (seq, hash, at, forgotten_hash)
VALUES (0, decode(repeat('00', 32), 'hex'), '-infinity', decode(repeat('00', 32), 'hex'));

-- sha256(hash of the row before || every other column as one JSON array, times in microseconds since 1970).
CREATE FUNCTION audit_hash(entry gateway.audit_log) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT sha256(entry.prev_hash || convert_to(jsonb_build_array(
        entry.seq, entry.id, (extract(epoch FROM entry.at) * 1000000)::bigint, entry.actor_kind, entry.actor_id,
        entry.organization_id, entry.action, entry.subject, entry.subjects, entry.request_id, entry.remote_addr,
        entry.details
    )::text, 'UTF8'))
$$;

-- The head stays locked until the writer's transaction ends, so rows stand in the order of `seq` and of `at` alike.
-- A row whose id is there already is left out before the chain moves: what ON CONFLICT DO NOTHING drops comes too late.
CREATE FUNCTION chain_audit_row() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    head gateway.audit_head%ROWTYPE;
BEGIN
    SELECT * INTO STRICT head FROM gateway.audit_head FOR UPDATE;
    IF EXISTS (SELECT FROM gateway.audit_log WHERE id = NEW.id) THEN
        RETURN NULL;
    END IF;
    NEW.at := greatest(clock_timestamp(), head.at);
    NEW.seq := head.seq + 1;
    NEW.prev_hash := head.hash;
    NEW.hash := gateway.audit_hash(NEW);
    UPDATE gateway.audit_head SET seq = NEW.seq, hash = NEW.hash, at = NEW.at;
    RETURN NEW;
END
$$;
-- Whoever could hang it on a table of his own would move the head without a row.
REVOKE EXECUTE ON FUNCTION chain_audit_row() FROM PUBLIC;

-- Without them each row is written quicker.
DROP INDEX audit_log_at, audit_log_subject, audit_log_organization;
ALTER TABLE audit_log DISABLE TRIGGER audit_log_append_only;
DO $$
DECLARE
    entry gateway.audit_log%ROWTYPE;
    head gateway.audit_head%ROWTYPE;
BEGIN
    SELECT * INTO STRICT head FROM gateway.audit_head;
    FOR entry IN SELECT * FROM gateway.audit_log ORDER BY at, id LOOP
        entry.seq := head.seq + 1;
        entry.prev_hash := head.hash;
        entry.hash := gateway.audit_hash(entry);
        UPDATE gateway.audit_log SET seq = entry.seq, prev_hash = entry.prev_hash, hash = entry.hash
        WHERE id = entry.id;
        head.seq := entry.seq;
        head.hash := entry.hash;
        head.at := entry.at;
    END LOOP;
    UPDATE gateway.audit_head SET seq = head.seq, hash = head.hash, at = head.at;
END
$$;
ALTER TABLE audit_log ENABLE TRIGGER audit_log_append_only;

ALTER TABLE audit_log
    ALTER COLUMN seq SET NOT NULL,
    ALTER COLUMN prev_hash SET NOT NULL,
    ALTER COLUMN hash SET NOT NULL;
CREATE TRIGGER audit_log_chain BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION chain_audit_row();

-- `migrate` takes from the service's login what these words rule out.
COMMENT ON TABLE audit_log IS 'append-only: rows are inserted and read';
COMMENT ON TABLE audit_head IS 'read-only: the trigger of audit_log moves it';

-- The order is that of `seq` everywhere; times are turned into it first.
CREATE UNIQUE INDEX audit_log_seq ON audit_log (seq);
CREATE INDEX audit_log_at ON audit_log (at, seq);
CREATE INDEX audit_log_actor ON audit_log (actor_id, seq);
CREATE INDEX audit_log_action ON audit_log (action COLLATE "C", seq);
CREATE INDEX audit_log_subject ON audit_log (subject, seq);
CREATE INDEX audit_log_organization ON audit_log (organization_id, seq);
CREATE INDEX audit_log_subjects ON audit_log USING gin (subjects);

-- Looks at the rows of this range, the head included once the range reaches it. Both come from one snapshot, for the
-- function is STABLE. `first_bad_seq` is where the chain breaks first: a row that is not what it was, or a missing one.
CREATE FUNCTION verify_audit(from_seq bigint, to_seq bigint)
RETURNS TABLE (checked bigint, first_bad_seq bigint, head_seq bigint, head_hash bytea) LANGUAGE plpgsql STABLE AS $$
DECLARE
    head gateway.audit_head%ROWTYPE;
    entry gateway.audit_log%ROWTYPE;
    wanted bigint;
    before bytea;
BEGIN
    SELECT * INTO STRICT head FROM gateway.audit_head;
    checked := 0;
    head_seq := head.seq;
    head_hash := head.hash;
    wanted := greatest(from_seq, head.forgotten_seq + 1);
    IF wanted = head.forgotten_seq + 1 THEN
        before := head.forgotten_hash;
        SELECT min(a.seq) INTO first_bad_seq FROM gateway.audit_log a WHERE a.seq <= head.forgotten_seq;
    ELSE
        SELECT a.hash INTO before FROM gateway.audit_log a WHERE a.seq = wanted - 1;
        IF NOT FOUND THEN
            first_bad_seq := wanted - 1;
        END IF;
    END IF;
    IF first_bad_seq IS NOT NULL THEN
        RETURN NEXT;
        RETURN;
    END IF;
    FOR entry IN SELECT * FROM gateway.audit_log a WHERE a.seq BETWEEN wanted AND to_seq ORDER BY a.seq LOOP
        IF entry.seq <> wanted OR entry.seq > head.seq OR entry.prev_hash <> before
            OR entry.hash <> gateway.audit_hash(entry) THEN
            first_bad_seq := wanted;
            EXIT;
        END IF;
        before := entry.hash;
        wanted := wanted + 1;
        checked := checked + 1;
    END LOOP;
    IF first_bad_seq IS NULL AND wanted <= least(to_seq, head.seq) THEN
        first_bad_seq := wanted;
    ELSIF first_bad_seq IS NULL AND wanted = head.seq + 1 AND before <> head.hash THEN
        first_bad_seq := head.seq;
    END IF;
    RETURN NEXT;
END
$$;

-- Forgets rows older than this moment; the owner's act. The rest verifies on its own afterwards.
CREATE FUNCTION forget_audit(older_than timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    last gateway.audit_log%ROWTYPE;
    gone bigint;
BEGIN
    PERFORM FROM gateway.audit_head FOR UPDATE;
    SELECT * INTO last FROM gateway.audit_log WHERE at < older_than ORDER BY at DESC, seq DESC LIMIT 1;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    ALTER TABLE gateway.audit_log DISABLE TRIGGER audit_log_append_only;
    DELETE FROM gateway.audit_log WHERE seq <= last.seq;
    GET DIAGNOSTICS gone = ROW_COUNT;
    ALTER TABLE gateway.audit_log ENABLE TRIGGER audit_log_append_only;
    UPDATE gateway.audit_head SET forgotten_seq = last.seq, forgotten_hash = last.hash;
    RETURN gone;
END
$$;
REVOKE EXECUTE ON FUNCTION forget_audit(timestamptz) FROM PUBLIC;
