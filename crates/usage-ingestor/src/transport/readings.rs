//! The readings by API, and where they differ from the stream.

use chrono::NaiveDate;
use messages::pb::usage as pb;
use service_runtime::bus::RpcError;
use service_runtime::wire::{count, given, optional_iccid, scope, small_count};

use crate::app::App;
use crate::app::differences::read;

/// Platform 2.0 rounds each session up to a KB, so the API may tell as many bytes more for each record.
const ROUNDED_BYTES: u64 = 1024;

pub async fn start(
    app: App,
    request: pb::StartUsageSyncRequest,
) -> Result<pb::StartUsageSyncResponse, RpcError> {
    let scope = scope(request.scope)?;
    let iccid = optional_iccid(&request.iccid)?;
    let from = given(&request.start_date)
        .map(|text| text.parse::<NaiveDate>())
        .transpose();
    let from = from.map_err(|_| RpcError::field("start_date", "is no day: YYYY-MM-DD"))?;
    let sims_queued = app.start_readings(scope, iccid, from).await?;
    Ok(pb::StartUsageSyncResponse { sims_queued })
}

pub async fn differences(
    app: App,
    request: pb::DifferencesRequest,
) -> Result<pb::DifferencesResponse, RpcError> {
    let query = read(scope(request.scope.clone())?, &request)?;
    let page = app.differences(&query).await?;
    let days = page.rows.into_iter().map(|row| pb::DayDifference {
        iccid: row.iccid.to_string(),
        day: row.day.to_string(),
        stream_total: count(row.total),
        api_total: count(row.api_total.unwrap_or(0)),
        stream_sms_mo: small_count(row.sms_mo.into()),
        api_sms_mo: small_count(row.api_sms_mo.unwrap_or(0).into()),
        stream_sms_mt: small_count(row.sms_mt.into()),
        api_sms_mt: small_count(row.api_sms_mt.unwrap_or(0).into()),
        data_records: small_count(row.data_records.into()),
        tolerance: ROUNDED_BYTES * count(row.data_records.into()),
        read_at: row.api_read_at.map(Into::into),
    });
    Ok(pb::DifferencesResponse {
        days: days.collect(),
        next_cursor: page.next_cursor,
    })
}
