ALTER TABLE users
    ADD COLUMN password_changed_at timestamptz NOT NULL DEFAULT now(),
    -- A deleted user stays for the audit log; nothing brings it back.
    ADD COLUMN deleted_at timestamptz;

CREATE TABLE sessions (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    -- The last login or refresh.
    last_used_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    revoked_reason text,
    remote_addr text,
    user_agent text,
    CHECK ((revoked_at IS NULL) = (revoked_reason IS NULL))
);
CREATE INDEX sessions_user ON sessions (user_id, expires_at);

CREATE TABLE refresh_tokens (
    -- HMAC-SHA-256 of the whole token.
    hash bytea PRIMARY KEY CHECK (octet_length(hash) = 32),
    session_id uuid NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    -- A token counts once; a second use ends the session.
    used_at timestamptz
);
CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id, expires_at);
