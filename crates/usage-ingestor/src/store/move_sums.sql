INSERT INTO fleet_usage_daily AS held
    (day, organization_id, mcc, operator_id, rat, writer, rx, tx, total, sms_mo, sms_mt)
WITH moved AS MATERIALIZED (
    SELECT (ended_at AT TIME ZONE 'UTC')::date AS day, organization_id, mcc, operator_id, rat,
           sum(rx)::bigint AS rx, sum(tx)::bigint AS tx, sum(total)::bigint AS total,
           sum(sms_mo)::bigint AS sms_mo, sum(sms_mt)::bigint AS sms_mt
    FROM sim_usage JOIN sims USING (iccid) WHERE iccid = ANY($1)
    GROUP BY 1, 2, 3, 4, 5
    UNION ALL
    -- What only the API told.
    SELECT day, organization_id, 0, 0, -1, sum(coalesce(used_rx, 0) - rx)::bigint, sum(coalesce(used_tx, 0) - tx)::bigint,
           sum(used_total - total)::bigint, sum(used_sms_mo - sms_mo)::bigint, sum(used_sms_mt - sms_mt)::bigint
    FROM sim_usage_daily JOIN sims USING (iccid)
    WHERE iccid = ANY($1) AND (data_by_api OR used_sms_mo <> sms_mo OR used_sms_mt <> sms_mt)
    GROUP BY 1, 2
), changes AS (
    SELECT * FROM moved
    UNION ALL
    SELECT day, '00000000-0000-0000-0000-000000000000', mcc, operator_id, rat,
           -sum(rx)::bigint, -sum(tx)::bigint, -sum(total)::bigint, -sum(sms_mo)::bigint, -sum(sms_mt)::bigint
    FROM moved GROUP BY day, mcc, operator_id, rat
)
SELECT day, organization_id, mcc, operator_id, rat, 0, rx, tx, total, sms_mo, sms_mt FROM changes
-- Every writer takes the rows in the same order, so that two cannot wait for each other.
ORDER BY day, organization_id, mcc, operator_id, rat
ON CONFLICT (day, organization_id, mcc, operator_id, rat, writer) DO UPDATE SET
    rx = held.rx + excluded.rx, tx = held.tx + excluded.tx, total = held.total + excluded.total,
    sms_mo = held.sms_mo + excluded.sms_mo, sms_mt = held.sms_mt + excluded.sms_mt
