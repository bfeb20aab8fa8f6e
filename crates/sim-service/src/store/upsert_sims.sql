INSERT INTO sims AS stored (
    iccid, status, provider_status, imsi, imsi_2, current_imsi, msisdn, imei, imei_lock, label, ip_address,
    activation_date, data_total, data_status, data_threshold_at, data_exceeded_at,
    sms_total, sms_status, sms_threshold_at, sms_exceeded_at, extra,
    account, organization_id, revision, read_at
)
SELECT told.*, accounts.slug, accounts.organization_id, 1, $3
FROM accounts, jsonb_to_recordset($1) AS told (
    iccid bigint, status smallint, provider_status text, imsi text, imsi_2 text, current_imsi text, msisdn text,
    imei text, imei_lock boolean, label text, ip_address text,
    activation_date timestamptz, data_total bigint, data_status integer, data_threshold_at timestamptz,
    data_exceeded_at timestamptz,
    sms_total bigint, sms_status integer, sms_threshold_at timestamptz, sms_exceeded_at timestamptz, extra jsonb
)
WHERE accounts.slug = $2
ORDER BY told.iccid
ON CONFLICT (iccid) DO UPDATE SET
    status = excluded.status, provider_status = excluded.provider_status,
    imsi = excluded.imsi, imsi_2 = excluded.imsi_2, current_imsi = excluded.current_imsi,
    msisdn = excluded.msisdn, imei = excluded.imei, imei_lock = excluded.imei_lock,
    label = excluded.label, ip_address = excluded.ip_address, activation_date = excluded.activation_date,
    data_total = excluded.data_total, data_status = excluded.data_status,
    data_threshold_at = excluded.data_threshold_at, data_exceeded_at = excluded.data_exceeded_at,
    sms_total = excluded.sms_total, sms_status = excluded.sms_status,
    sms_threshold_at = excluded.sms_threshold_at, sms_exceeded_at = excluded.sms_exceeded_at,
    extra = excluded.extra, account = excluded.account,
    revision = stored.revision + 1, updated_at = now(), read_at = excluded.read_at, missing_since = NULL
WHERE stored.read_at <= excluded.read_at
RETURNING iccid
