CREATE TABLE organizations (
    id uuid PRIMARY KEY,
    name text NOT NULL CHECK (name <> ''),
    slug text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9-]{1,32}$'),
    created_at timestamptz NOT NULL DEFAULT now()
);

-- A SIM belongs to this one until someone assigns it elsewhere.
INSERT INTO organizations (id, name, slug)
VALUES ('00000000-0000-0000-0000-000000000001', 'Default', 'default');

CREATE TABLE users (
    id uuid PRIMARY KEY,
    username text NOT NULL CHECK (username <> ''),
    email text NOT NULL CHECK (email <> ''),
    password_hash text NOT NULL,
    full_name text,
    role text NOT NULL CHECK (role IN ('admin', 'user', 'readonly')),
    -- NULL: the whole platform.
    organization_id uuid REFERENCES organizations (id),
    is_active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    last_login_at timestamptz
);
CREATE UNIQUE INDEX users_username ON users (lower(username));
CREATE UNIQUE INDEX users_email ON users (lower(email));

CREATE TABLE api_keys (
    id uuid PRIMARY KEY,
    name text NOT NULL CHECK (name <> ''),
    description text,
    -- The visible part, by which a key is found.
    prefix text NOT NULL UNIQUE,
    -- HMAC-SHA-256 of the key but for its last 8 characters, which follow from the others.
    key_hash bytea NOT NULL CHECK (octet_length(key_hash) = 32),
    scopes text[] NOT NULL,
    -- NULL: the whole platform.
    organization_id uuid REFERENCES organizations (id),
    expires_at timestamptz,
    revoked_at timestamptz,
    rate_limit_per_minute integer NOT NULL DEFAULT 100 CHECK (rate_limit_per_minute > 0),
    rate_limit_per_hour integer NOT NULL DEFAULT 1000 CHECK (rate_limit_per_hour > 0),
    last_used_at timestamptz,
    usage_count bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL
);
CREATE INDEX api_keys_organization ON api_keys (organization_id);

CREATE TABLE audit_log (
    id uuid PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    actor_kind text NOT NULL,
    actor_id text NOT NULL,
    organization_id uuid,
    action text NOT NULL,
    subject text NOT NULL,
    request_id text NOT NULL,
    remote_addr text,
    details jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_log_at ON audit_log (at);
CREATE INDEX audit_log_subject ON audit_log (subject, at);
CREATE INDEX audit_log_organization ON audit_log (organization_id, at);

-- What was written down stays as it is. Forgetting after seven years is the owner's act, with the trigger disabled.
CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only';
END
$$;
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
