//! The fleet's daily totals by organization, country, operator and RAT.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use sqlx::PgConnection;
use uuid::Uuid;

use super::usage_days::Volumes;

/// What only the API told has no RAT, operator or country.
pub const ONLY_BY_API: i16 = -1;

/// One part of the fleet on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FleetKey {
    pub day: NaiveDate,
    /// All zeros while no inventory knows the SIM.
    pub organization: Uuid,
    pub mcc: i16,
    pub operator_id: i32,
    pub rat: i16,
}

/// Sums to add, in the order in which every writer takes the rows.
pub type FleetSums = BTreeMap<FleetKey, Volumes>;

/// Adds to one part.
pub fn add(sums: &mut FleetSums, key: FleetKey, volumes: Volumes) {
    let sum = sums.entry(key).or_default();
    sum.rx += volumes.rx;
    sum.tx += volumes.tx;
    sum.total += volumes.total;
    sum.sms_mo += volumes.sms_mo;
    sum.sms_mt += volumes.sms_mt;
}

/// Writes the sums into the rows of `writer`; writers do not wait for each other.
///
/// # Errors
/// The database's.
pub async fn raise(transaction: &mut PgConnection, sums: &FleetSums, writer: i16) -> Result<(), sqlx::Error> {
    let sums: Vec<_> = sums
        .iter()
        .filter(|(_, volumes)| **volumes != Volumes::default())
        .collect();
    if sums.is_empty() {
        return Ok(());
    }
    let big = |field: fn(&Volumes) -> i64| -> Vec<i64> { sums.iter().map(|(_, sum)| field(sum)).collect() };
    sqlx::query(
        "INSERT INTO fleet_usage_daily AS held
             (day, organization_id, mcc, operator_id, rat, writer, rx, tx, total, sms_mo, sms_mt)
         SELECT day, organization_id, mcc, operator_id, rat, $6, rx, tx, total, sms_mo, sms_mt
         FROM unnest($1::date[], $2::uuid[], $3::smallint[], $4::integer[], $5::smallint[],
                     $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[])
              WITH ORDINALITY AS sum (day, organization_id, mcc, operator_id, rat, rx, tx, total, sms_mo, sms_mt, place)
         ORDER BY place
         ON CONFLICT (day, organization_id, mcc, operator_id, rat, writer) DO UPDATE SET
             rx = held.rx + excluded.rx, tx = held.tx + excluded.tx, total = held.total + excluded.total,
             sms_mo = held.sms_mo + excluded.sms_mo, sms_mt = held.sms_mt + excluded.sms_mt",
    )
    .bind(sums.iter().map(|(key, _)| key.day).collect::<Vec<_>>())
    .bind(sums.iter().map(|(key, _)| key.organization).collect::<Vec<_>>())
    .bind(sums.iter().map(|(key, _)| key.mcc).collect::<Vec<_>>())
    .bind(sums.iter().map(|(key, _)| key.operator_id).collect::<Vec<_>>())
    .bind(sums.iter().map(|(key, _)| key.rat).collect::<Vec<_>>())
    .bind(writer)
    .bind(big(|sum| sum.rx))
    .bind(big(|sum| sum.tx))
    .bind(big(|sum| sum.total))
    .bind(big(|sum| sum.sms_mo))
    .bind(big(|sum| sum.sms_mt))
    .execute(transaction)
    .await
    .map(|_| ())
}
