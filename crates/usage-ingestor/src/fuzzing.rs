//! The decoders of foreign bytes, for the fuzz targets.

use bytes::Bytes;
use chrono::{DateTime, Duration};

use crate::app::decode::{self, Limits};
use crate::app::merge;

/// Every element of an array ends in a batch that the merge takes.
pub fn data_streamer(body: &[u8]) {
    let limits = Limits {
        now: DateTime::from_timestamp_millis(1_790_000_000_000).unwrap_or_default(),
        oldest_usage: Duration::days(690),
        oldest_event: Duration::days(325),
        future: Duration::hours(48),
    };
    let Ok(decoded) = decode::decode(body, &limits) else {
        return;
    };
    let mut kept = 0;
    for batch in decoded.batches {
        match merge::read_batch(batch.payload) {
            Ok(batch) => kept += batch.usage.len() + batch.events.len() + batch.rejects.len(),
            Err(error) => panic!("the merge refuses what the receiver made: {error}"),
        }
    }
    assert_eq!(kept, decoded.received, "an element was lost");
}

/// What is read can be added up.
pub fn ingest_batch(payload: &[u8]) {
    if let Ok(batch) = merge::read_batch(Bytes::copy_from_slice(payload)) {
        drop(merge::deltas(&batch.usage));
    }
}
