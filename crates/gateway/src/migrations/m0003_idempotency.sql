-- Answers of requests that came with an Idempotency-Key, kept for a day.
CREATE TABLE idempotency_keys (
    principal_kind text NOT NULL,
    principal_id text NOT NULL,
    key text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    -- Method, path and query of the request that came first, and the keyed hash of its body.
    route text NOT NULL,
    body_hash bytea NOT NULL,
    -- The id of what the request creates; a repeat after a crash creates the same thing.
    id uuid NOT NULL,
    -- Who works at it, and until when nobody else does.
    lease uuid NOT NULL,
    lease_until timestamptz NOT NULL,
    -- Encrypted; NULL while there is none.
    answer bytea,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (principal_kind, principal_id, key)
);
CREATE INDEX idempotency_keys_expires ON idempotency_keys (expires_at);
