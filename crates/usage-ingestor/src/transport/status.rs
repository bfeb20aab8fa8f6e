//! How the streams stand.

use messages::pb::usage as pb;
use service_runtime::bus::{RpcContext, RpcError};
use service_runtime::wire::count;

use crate::app::App;
use crate::store::shadow_readings::ShadowReading;

pub async fn read(
    app: App,
    _: pb::IngestStatusRequest,
    context: RpcContext,
) -> Result<pb::IngestStatusResponse, RpcError> {
    // Which calls 1NCE offers may have to be asked first.
    context.waits_for_others().await?;
    let status = app.ingest_status().await?;
    let streams = status.streams.into_iter().map(|row| pb::StreamStatus {
        state: row.state().to_string(),
        stream: row.stream,
        last_received_at: row.last_received_at.map(Into::into),
        last_record_at: row.last_record_at.map(Into::into),
        silent_since: row.silent_since.map(Into::into),
        records_last_hour: count(row.records_last_hour),
        records_last_day: count(row.records_last_day),
        duplicates_last_day: count(row.duplicates_last_day),
        rejects_last_day: count(row.rejects_last_day),
        batches_last_day: count(row.batches_last_day),
        expected_per_hour: row.expected_per_hour.unwrap_or(0.0),
    });
    Ok(pb::IngestStatusResponse {
        streams: streams.collect(),
        batches_waiting: status.batches_waiting,
        lag_seconds: status.lag_seconds,
        rejects_open: count(status.open.rejects_open),
        api_readings: Some(pb::ApiReadings {
            due: count(status.readings.due),
            read_last_day: count(status.readings.read_last_day),
            failed_last_day: count(status.readings.failed_last_day),
            last_read_at: status.readings.last_read_at.map(Into::into),
            last_error: status.readings.last_error.unwrap_or_default(),
            available: status.api_available,
            why: status.why.unwrap_or_default(),
            paused_since: status.paused_since.map(Into::into),
            shadow: status.shadow.map(shadow),
        }),
        days_that_differ: count(status.open.days_that_differ),
        sims_unknown: count(status.open.sims_unknown),
    })
}

fn shadow(made: ShadowReading) -> pb::ShadowReading {
    pb::ShadowReading {
        iccid: made.iccid.to_string(),
        from_day: made.from_day.to_string(),
        to_day: made.to_day.to_string(),
        read_at: Some(made.read_at.into()),
        outcome: made.outcome.to_string(),
        what: made.what,
    }
}
