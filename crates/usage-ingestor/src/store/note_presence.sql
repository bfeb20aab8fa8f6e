-- Every SIM has its row, so nothing is inserted: this is an update that takes the rows in the order of the ICCIDs, so that two
-- writers cannot wait for each other, and looks each up by its key, whatever the planner thinks of the arrays.
INSERT INTO sim_presence AS held (iccid, organization_id, missing, online, online_at, mcc, operator_id, place_at, rat, rat_at)
SELECT iccid, '00000000-0000-0000-0000-000000000000', false, coalesce(online, -1), coalesce(online_at, '-infinity'),
       coalesce(mcc, 0), coalesce(operator_id, 0), coalesce(place_at, '-infinity'), coalesce(rat, 0),
       coalesce(rat_at, '-infinity')
FROM unnest($1::bigint[], $2::smallint[], $3::timestamptz[], $4::smallint[], $5::integer[], $6::timestamptz[],
            $7::smallint[], $8::timestamptz[])
     WITH ORDINALITY AS told (iccid, online, online_at, mcc, operator_id, place_at, rat, rat_at, position)
ORDER BY position
ON CONFLICT (iccid) DO UPDATE SET
    online = CASE WHEN (excluded.online_at, -excluded.online) > (held.online_at, -held.online) THEN excluded.online
             ELSE held.online END,
    online_at = greatest(held.online_at, excluded.online_at),
    mcc = CASE WHEN (excluded.place_at, excluded.mcc, excluded.operator_id) > (held.place_at, held.mcc, held.operator_id)
          THEN excluded.mcc ELSE held.mcc END,
    operator_id = CASE WHEN (excluded.place_at, excluded.mcc, excluded.operator_id)
                            > (held.place_at, held.mcc, held.operator_id)
                  THEN excluded.operator_id ELSE held.operator_id END,
    place_at = greatest(held.place_at, excluded.place_at),
    rat = CASE WHEN (excluded.rat_at, excluded.rat) > (held.rat_at, held.rat) THEN excluded.rat ELSE held.rat END,
    rat_at = greatest(held.rat_at, excluded.rat_at)
-- What is not told stands at the beginning of time with the least number, and is newer than nothing.
WHERE (excluded.online_at, -excluded.online) > (held.online_at, -held.online)
   OR (excluded.place_at, excluded.mcc, excluded.operator_id) > (held.place_at, held.mcc, held.operator_id)
   OR (excluded.rat_at, excluded.rat) > (held.rat_at, held.rat)
