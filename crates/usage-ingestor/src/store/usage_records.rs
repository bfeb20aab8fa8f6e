//! The records themselves: each key is stored once, whatever comes again.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use messages::pb::usage::UsageRecord;
use sqlx::{Connection, PgConnection, Row};

use super::copy::{BinaryCopy, millis_to_time};

const COLUMNS: i16 = 16;

/// What tells a record from all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKey {
    iccid: u64,
    ended_at_ms: i64,
    /// 1NCE's.
    record_id: i64,
}

impl RecordKey {
    /// The record's key.
    pub fn of(record: &UsageRecord) -> Self {
        Self {
            iccid: record.iccid,
            ended_at_ms: record.ended_at_ms,
            record_id: record.record_id,
        }
    }
}

/// Stores records, which are sorted by their key and have one each; leaves those in `records` that were not stored yet.
///
/// Records seldom come again, so a plain COPY is tried first, which fails as a whole when one is known. `known` says that
/// some probably are, for instance because JetStream delivers the batch a second time.
///
/// # Errors
/// The database's; the transaction is of no use then.
pub async fn insert(
    transaction: &mut PgConnection,
    records: &mut Vec<UsageRecord>,
    known: bool,
) -> Result<(), sqlx::Error> {
    if records.is_empty() {
        return Ok(());
    }
    if !known {
        let mut attempt = transaction.begin().await?;
        match copy(&mut attempt, records).await {
            Ok(()) => return attempt.commit().await,
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => attempt.rollback().await?,
            Err(error) => return Err(error),
        }
    }
    let new = insert_unknown(transaction, records).await?;
    records.retain(|record| new.contains(&RecordKey::of(record)));
    Ok(())
}

async fn copy(transaction: &mut PgConnection, records: &[UsageRecord]) -> Result<(), sqlx::Error> {
    let mut rows = BinaryCopy::with_capacity(records.len() * 200);
    for record in records {
        rows.row(COLUMNS);
        rows.bigint(record.iccid.cast_signed());
        rows.time(record.ended_at_ms);
        rows.bigint(record.record_id);
        rows.time(record.started_at_ms);
        rows.bigint(record.rx.cast_signed());
        rows.bigint(record.tx.cast_signed());
        rows.bigint(record.total.cast_signed());
        rows.integer(record.sms_mo.cast_signed());
        rows.integer(record.sms_mt.cast_signed());
        rows.smallint(small(record.mcc));
        rows.integer(record.operator_id.cast_signed());
        rows.smallint(small(record.rat));
        rows.bigint(record.imsi.cast_signed());
        rows.integer(record.tariff_id.cast_signed());
        rows.integer(record.ratezone_id.cast_signed());
        rows.uuid(session(record));
    }
    let mut stream = transaction
        .copy_in_raw(
            "COPY sim_usage (iccid, ended_at, record_id, started_at, rx, tx, total, sms_mo, sms_mt, mcc, operator_id,
                             rat, imsi, tariff_id, ratezone_id, session_id) FROM STDIN (FORMAT binary)",
        )
        .await?;
    stream.send(rows.finish()).await?;
    stream.finish().await.map(|_| ())
}

/// The slower way, which passes over what is known.
async fn insert_unknown(
    transaction: &mut PgConnection,
    records: &[UsageRecord],
) -> Result<HashSet<RecordKey>, sqlx::Error> {
    let big = |field: fn(&UsageRecord) -> u64| -> Vec<i64> {
        records.iter().map(|record| field(record).cast_signed()).collect()
    };
    let int = |field: fn(&UsageRecord) -> u32| -> Vec<i32> {
        records.iter().map(|record| field(record).cast_signed()).collect()
    };
    let time = |field: fn(&UsageRecord) -> i64| -> Vec<DateTime<Utc>> {
        records
            .iter()
            .map(|record| millis_to_time(field(record)))
            .collect()
    };
    let sessions: Vec<Option<uuid::Uuid>> = records.iter().map(session).collect();
    let rows = sqlx::query(
        "INSERT INTO sim_usage (iccid, ended_at, record_id, started_at, rx, tx, total, sms_mo, sms_mt, mcc, operator_id,
                                rat, imsi, tariff_id, ratezone_id, session_id)
         SELECT iccid, ended_at, record_id, started_at, rx, tx, total, sms_mo, sms_mt, mcc::smallint, operator_id,
                rat::smallint, imsi, tariff_id, ratezone_id, session_id
         FROM unnest($1::bigint[], $2::timestamptz[], $3::bigint[], $4::timestamptz[], $5::bigint[], $6::bigint[],
                     $7::bigint[], $8::integer[], $9::integer[], $10::integer[], $11::integer[], $12::integer[],
                     $13::bigint[], $14::integer[], $15::integer[], $16::uuid[])
              WITH ORDINALITY AS record (iccid, ended_at, record_id, started_at, rx, tx, total, sms_mo, sms_mt, mcc,
                                         operator_id, rat, imsi, tariff_id, ratezone_id, session_id, place)
         ORDER BY place
         ON CONFLICT DO NOTHING
         RETURNING iccid, ended_at, record_id",
    )
    .bind(big(|record| record.iccid))
    .bind(time(|record| record.ended_at_ms))
    .bind(records.iter().map(|record| record.record_id).collect::<Vec<_>>())
    .bind(time(|record| record.started_at_ms))
    .bind(big(|record| record.rx))
    .bind(big(|record| record.tx))
    .bind(big(|record| record.total))
    .bind(int(|record| record.sms_mo))
    .bind(int(|record| record.sms_mt))
    .bind(int(|record| record.mcc))
    .bind(int(|record| record.operator_id))
    .bind(int(|record| record.rat))
    .bind(big(|record| record.imsi))
    .bind(int(|record| record.tariff_id))
    .bind(int(|record| record.ratezone_id))
    .bind(sessions)
    .fetch_all(transaction)
    .await?;
    let key = |row: &sqlx::postgres::PgRow| -> RecordKey {
        let ended_at: DateTime<Utc> = row.get(1);
        RecordKey {
            iccid: row.get::<i64, _>(0).cast_unsigned(),
            ended_at_ms: ended_at.timestamp_millis(),
            record_id: row.get(2),
        }
    };
    Ok(rows.iter().map(key).collect())
}

fn small(number: u32) -> i16 {
    i16::try_from(number).unwrap_or(0)
}

fn session(record: &UsageRecord) -> Option<uuid::Uuid> {
    uuid::Uuid::from_slice(&record.session_id).ok()
}
