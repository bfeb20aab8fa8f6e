WITH told AS MATERIALIZED (
    SELECT * FROM unnest($1::bigint[], $2::smallint[], $3::timestamptz[], $4::smallint[], $5::integer[], $6::timestamptz[],
                         $7::smallint[], $8::timestamptz[])
         AS told (iccid, online, online_at, mcc, operator_id, place_at, rat, rat_at)
), locked AS MATERIALIZED (
    -- Every writer takes the rows in the same order, so that two cannot wait for each other.
    SELECT held.iccid FROM sim_presence AS held JOIN told USING (iccid) WHERE held.iccid = ANY($1)
    ORDER BY held.iccid FOR UPDATE OF held
)
-- A part that was not told is NULL, and no comparison with it is true.
UPDATE sim_presence AS held SET
    online = CASE WHEN (told.online_at, -told.online) > (held.online_at, -held.online) THEN told.online
             ELSE held.online END,
    online_at = greatest(held.online_at, told.online_at),
    mcc = CASE WHEN (told.place_at, told.mcc, told.operator_id) > (held.place_at, held.mcc, held.operator_id)
          THEN told.mcc ELSE held.mcc END,
    operator_id = CASE WHEN (told.place_at, told.mcc, told.operator_id) > (held.place_at, held.mcc, held.operator_id)
                  THEN told.operator_id ELSE held.operator_id END,
    place_at = greatest(held.place_at, told.place_at),
    rat = CASE WHEN (told.rat_at, told.rat) > (held.rat_at, held.rat) THEN told.rat ELSE held.rat END,
    rat_at = greatest(held.rat_at, told.rat_at)
FROM told JOIN locked USING (iccid)
WHERE held.iccid = told.iccid AND held.iccid = ANY($1)
  AND ((told.online_at, -told.online) > (held.online_at, -held.online)
       OR (told.place_at, told.mcc, told.operator_id) > (held.place_at, held.mcc, held.operator_id)
       OR (told.rat_at, told.rat) > (held.rat_at, held.rat))
