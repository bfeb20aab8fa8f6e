-- SIMs $1 to $2 of a fleet that no sweep has read: batches of 500 neighbouring ICCIDs, 3 in 100 disabled, 1 in 100
-- expired, a tag on 1 in 100 and another on 1 in 5, and the text fields that real SIMs have.
WITH added AS (
    INSERT INTO sim.sims (
        iccid, account, organization_id, revision, status, provider_status, imsi, current_imsi, msisdn, imei,
        imei_lock, label, ip_address, activation_date, data_total, data_status, sms_total, sms_status,
        created_at, updated_at, read_at
    )
    SELECT
        8988228066000000000 + (n / 500) * 10000 + n % 500, slug, organization_id, 1,
        CASE WHEN n % 100 < 3 THEN 1 WHEN n % 100 = 3 THEN 2 ELSE 0 END,
        CASE WHEN n % 100 < 3 THEN 'Disabled' WHEN n % 100 = 3 THEN 'Expired' ELSE 'Enabled' END,
        (901405100000000 + n)::text, (901405100000000 + n)::text, (882285100000000 + n)::text,
        -- A step that shares no factor with the modulus scatters the numbers without repeating one.
        (350000000000000 + (n * 7368787) % 100000000000)::text,
        n % 10 = 0,
        (ARRAY['tracker', 'pump', 'meter', 'gateway', 'Sensor'])[1 + n % 5] || '-'
            || (ARRAY['berlin', 'lyon', 'porto', 'turin', 'gdansk', 'malmo', 'cork'])[1 + n % 7] || '-' || n,
        '100.' || 64 + n / 65536 || '.' || n / 256 % 256 || '.' || n % 256,
        now() - make_interval(days => (n % 700)::integer),
        524288000, 0, 250, 0,
        -- A delivery of 5,000 cards becomes known within one moment, as a sweep's page does.
        now() - make_interval(hours => (n / 5000)::integer),
        now() - make_interval(secs => (n * 7919) % 600000),
        now()
    FROM sim.accounts, generate_series($1::bigint, $2::bigint) AS n
    RETURNING iccid, organization_id, list_status
)
INSERT INTO sim.sim_tags (tag, iccid, organization_id, list_status)
SELECT tag, iccid, organization_id, list_status FROM added, unnest(ARRAY[
    CASE WHEN iccid % 100 = 7 THEN 'pilot' END, CASE WHEN iccid % 5 = 1 THEN 'europe' END
]) AS tag
WHERE tag IS NOT NULL
