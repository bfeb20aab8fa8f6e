INSERT INTO sim_usage_daily AS held
    (iccid, day, rx, tx, total, sms_mo, sms_mt, data_records, sessions, session_marks, last_ended_at)
SELECT iccid, day, rx, tx, total, sms_mo::integer, sms_mt::integer, data_records, cardinality(marks::integer[]),
       marks::integer[], last_ended_at
FROM unnest($1::bigint[], $2::date[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::integer[],
            $9::text[], $10::timestamptz[])
     WITH ORDINALITY AS fresh (iccid, day, rx, tx, total, sms_mo, sms_mt, data_records, marks, last_ended_at, place)
-- Every writer takes the rows in the same order, so that two cannot wait for each other.
ORDER BY place
ON CONFLICT (iccid, day) DO UPDATE SET
    rx = held.rx + excluded.rx,
    tx = held.tx + excluded.tx,
    total = held.total + excluded.total,
    sms_mo = held.sms_mo + excluded.sms_mo,
    sms_mt = held.sms_mt + excluded.sms_mt,
    data_records = held.data_records + excluded.data_records,
    sessions = held.sessions + (SELECT count(*)::integer FROM unnest(excluded.session_marks) AS mark
                                WHERE mark <> ALL (held.session_marks)),
    session_marks = CASE WHEN excluded.session_marks <@ held.session_marks THEN held.session_marks ELSE
        (SELECT (all_marks)[greatest(1, cardinality(all_marks) - 63):]
         FROM (SELECT held.session_marks || ARRAY(SELECT mark FROM unnest(excluded.session_marks) AS mark
                                                  WHERE mark <> ALL (held.session_marks))) AS marks (all_marks)) END,
    last_ended_at = greatest(held.last_ended_at, excluded.last_ended_at)
RETURNING iccid, day, rx, tx, total, sms_mo, sms_mt, data_records, api_rx, api_tx, api_total, api_sms_mo, api_sms_mt
