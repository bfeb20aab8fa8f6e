use bytes::Bytes;
use chrono::DateTime;
use domain::Iccid;
use messages::pb::usage::{EventRecord, IngestBatch, UsageRecord};
use prost::Message;

use crate::app::decode::{MAX_BYTES, MAX_SMS};

/// Reads a message of the stream INGEST. Whoever wrote it: what passes here fits the columns and overflows no sum.
///
/// # Errors
/// Why it cannot be merged.
pub fn read_batch(payload: Bytes) -> Result<IngestBatch, String> {
    let batch = IngestBatch::decode(payload).map_err(|error| error.to_string())?;
    if !batch.usage.iter().all(fits) {
        return Err("a usage record is out of range".to_owned());
    }
    if !batch.events.iter().all(event_fits) {
        return Err("an event is out of range".to_owned());
    }
    let numbers = batch.operators.iter();
    if !numbers
        .clone()
        .all(|operator| is_integer(operator.id) && is_integer(operator.country_id))
    {
        return Err("an operator is out of range".to_owned());
    }
    let texts = numbers.flat_map(|operator| [&operator.name, &operator.mnc, &operator.country]);
    let reasons = batch
        .rejects
        .iter()
        .flat_map(|reject| [&reject.reason, &reject.kind]);
    let events = batch.events.iter().flat_map(|event| {
        [
            &event.type_text,
            &event.severity,
            &event.source,
            &event.description,
            &event.user,
            &event.detail_json,
        ]
    });
    if texts.chain(reasons).chain(events).any(|text| text.contains('\0')) {
        return Err("a text holds a NUL".to_owned());
    }
    Ok(batch)
}

fn fits(record: &UsageRecord) -> bool {
    let bytes = [record.rx, record.tx, record.total];
    let numbers = [
        record.mcc,
        record.operator_id,
        record.rat,
        record.tariff_id,
        record.ratezone_id,
    ];
    is_iccid(record.iccid)
        && is_time(record.started_at_ms)
        && is_time(record.ended_at_ms)
        && bytes.iter().all(|bytes| *bytes <= MAX_BYTES.unsigned_abs())
        && record.sms_mo.max(record.sms_mt) <= MAX_SMS
        && numbers.iter().all(|number| is_integer(*number))
        && i64::try_from(record.imsi).is_ok()
}

fn event_fits(event: &EventRecord) -> bool {
    (event.iccid == 0 || is_iccid(event.iccid))
        && is_time(event.occurred_at_ms)
        && i64::try_from(event.imsi).is_ok()
}

fn is_iccid(number: u64) -> bool {
    i64::try_from(number).is_ok_and(|number| Iccid::from_i64(number).is_ok())
}

fn is_integer(number: u32) -> bool {
    i32::try_from(number).is_ok()
}

/// Years 1 to 9999.
fn is_time(millis: i64) -> bool {
    (-62_135_596_800_000..=253_402_300_799_999).contains(&millis)
        && DateTime::from_timestamp_millis(millis).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_batch_that_would_overflow_a_sum_or_a_column_is_no_batch() {
        let good = UsageRecord {
            iccid: 8_988_280_666_000_000_001,
            ..UsageRecord::default()
        };
        let read = |record: UsageRecord| {
            let batch = IngestBatch {
                usage: vec![record],
                ..IngestBatch::default()
            };
            read_batch(batch.encode_to_vec().into())
        };
        assert!(read(good.clone()).is_ok());
        assert!(
            read(UsageRecord {
                rx: u64::MAX,
                ..good.clone()
            })
            .is_err()
        );
        assert!(
            read(UsageRecord {
                iccid: 17,
                ..good.clone()
            })
            .is_err()
        );
        assert!(
            read(UsageRecord {
                sms_mo: u32::MAX,
                ..good.clone()
            })
            .is_err()
        );
        assert!(
            read(UsageRecord {
                ended_at_ms: i64::MAX,
                ..good
            })
            .is_err()
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..500)) {
            let _outcome = read_batch(bytes.into());
        }
    }
}
