-- Rows of the API's answers that could not be read lie beside those of the streams. The rules of the streams never read
-- them: the next reading of the SIM that was asked for settles them.
ALTER TABLE rejects ADD COLUMN iccid bigint;
CREATE INDEX rejects_of_readings ON rejects (iccid) WHERE kind = 'reading' AND replayed_at IS NULL;

-- One reading a day and account through v2 while v1 lives, and how it compares with v1's. A row a day, kept for ever.
CREATE TABLE shadow_readings (
    account text NOT NULL,
    day date NOT NULL,
    -- Nobody else takes it before.
    taken_until timestamptz NOT NULL,
    iccid bigint,
    -- Closed days that were compared, both included.
    from_day date,
    to_day date,
    read_at timestamptz,
    -- `agrees`, `differs`, `not_offered` or `unreadable`; NULL until it is made.
    outcome text,
    -- What differs or why, for people.
    what text,
    PRIMARY KEY (account, day)
);
