//! What the gateway asks.

use domain::{Iccid, OrganizationId};
use messages::pb::common::Scope as WireScope;
use messages::pb::usage as pb;
use messages::{ErrorCode, usage_rpc};
use service_runtime::bus::{BusError, RpcError, RpcServer};
use uuid::Uuid;

use crate::app::sim_events::EventsQuery;
use crate::app::sim_usage::SimUsageQuery;
use crate::app::usage_summary::SummaryQuery;
use crate::app::{App, differences, event_types, export_usage, top_usage};
use crate::error::AppError;
use crate::store::Scope;
use crate::store::sim_usage::source;
use crate::store::usage_summary::GroupRow;

/// Platform 2.0 rounds each session up to a KB, so the API may tell as many bytes more for each record.
const ROUNDED_BYTES: u64 = 1024;

/// Registers the questions about usage and events; none of them changes anything.
///
/// # Errors
/// When NATS refuses a subscription.
pub async fn serve(server: &RpcServer, app: &App) -> Result<(), BusError> {
    let shared = app.clone();
    server
        .method(usage_rpc::SimUsage, move |request, _| {
            let app = shared.clone();
            async move { sim_usage(&app, request).await }
        })
        .await?;
    let shared = app.clone();
    server
        .method(usage_rpc::UsageSummary, move |request, _| {
            let app = shared.clone();
            async move { summary(&app, request).await }
        })
        .await?;
    let shared = app.clone();
    server
        .method(usage_rpc::TopUsage, move |request, _| {
            let app = shared.clone();
            async move { top(&app, request).await }
        })
        .await?;
    let shared = app.clone();
    server
        .method(usage_rpc::ExportUsage, move |request, _| {
            let app = shared.clone();
            async move { export(&app, request).await }
        })
        .await?;
    let shared = app.clone();
    server
        .method(usage_rpc::SimEvents, move |request, _| {
            let app = shared.clone();
            async move { events(&app, request).await }
        })
        .await?;
    let shared = app.clone();
    server
        .method(usage_rpc::Differences, move |request, _| {
            let app = shared.clone();
            async move { differences(&app, request).await }
        })
        .await?;
    let shared = app.clone();
    server
        .method(usage_rpc::FleetNow, move |request, _| {
            let app = shared.clone();
            async move { fleet_now(&app, request).await }
        })
        .await?;
    let shared = app.clone();
    server
        .method(usage_rpc::IngestStatus, move |_, _| {
            let app = shared.clone();
            async move { status(&app).await }
        })
        .await
}

async fn sim_usage(app: &App, request: pb::SimUsageRequest) -> Result<pb::SimUsageResponse, RpcError> {
    let query = SimUsageQuery::new(scope(request.scope.clone())?, iccid(&request.iccid)?, &request)?;
    let periods = app
        .sim_usage(&query)
        .await?
        .into_iter()
        .map(|period| pb::UsagePeriod {
            start: period.label,
            rx: large(period.amounts.rx),
            tx: large(period.amounts.tx),
            total: large(period.amounts.total),
            sms_mo: small(period.amounts.sms_mo),
            sms_mt: small(period.amounts.sms_mt),
            sessions: small(period.amounts.sessions),
            source: source(period.by_stream, period.by_api).to_string(),
        });
    Ok(pb::SimUsageResponse {
        periods: periods.collect(),
    })
}

async fn summary(app: &App, request: pb::UsageSummaryRequest) -> Result<pb::UsageSummaryResponse, RpcError> {
    let query = SummaryQuery::new(scope(request.scope.clone())?, &request)?;
    let summary = app.usage_summary(&query).await?;
    Ok(pb::UsageSummaryResponse {
        sum: Some(group(summary.sum)),
        groups: summary.groups.into_iter().map(group).collect(),
        groups_are_cut: summary.groups_are_cut,
    })
}

async fn fleet_now(app: &App, request: pb::FleetNowRequest) -> Result<pb::FleetNowResponse, RpcError> {
    let now = app
        .fleet_now(scope(request.scope)?)
        .await
        .map_err(AppError::from)?;
    let presence = now.presence.into_iter().map(|count| pb::PresenceCount {
        online: (count.online >= 0).then_some(count.online == 1),
        mcc: u32::from(count.mcc.unsigned_abs()),
        country: count.country.unwrap_or_default(),
        rat: u32::from(count.rat.unsigned_abs()),
        sims: large(count.sims),
    });
    Ok(pb::FleetNowResponse {
        today: Some(group(now.today)),
        month: Some(group(now.month)),
        presence: presence.collect(),
        as_of: Some(now.as_of.into()),
    })
}

fn group(row: GroupRow) -> pb::UsageGroup {
    pb::UsageGroup {
        key: row.key,
        name: row.name,
        rx: large(row.rx),
        tx: large(row.tx),
        total: large(row.total),
        sms_mo: large(row.sms_mo),
        sms_mt: large(row.sms_mt),
        sims: large(row.sims),
    }
}

async fn top(app: &App, request: pb::TopUsageRequest) -> Result<pb::TopUsageResponse, RpcError> {
    let query = top_usage::read(scope(request.scope.clone())?, &request)?;
    let sims = app.top_usage(query).await?;
    let sims = sims.iter().map(|sim| pb::TopSim {
        iccid: sim.iccid.to_string(),
        rx: large(sim.rx),
        tx: large(sim.tx),
        total: large(sim.total),
        sms_mo: large(sim.sms_mo),
        sms_mt: large(sim.sms_mt),
    });
    Ok(pb::TopUsageResponse { sims: sims.collect() })
}

async fn export(app: &App, request: pb::ExportUsageRequest) -> Result<pb::ExportUsageResponse, RpcError> {
    let one = Some(request.iccid.as_str()).filter(|text| !text.is_empty());
    let one = one.map(iccid).transpose()?;
    let query = export_usage::read(scope(request.scope.clone())?, one, &request)?;
    let page = app.export_usage(&query).await?;
    let rows = page.rows.into_iter().map(|row| pb::DailyUsage {
        iccid: row.iccid.to_string(),
        day: row.day.to_string(),
        rx: large(row.rx),
        tx: large(row.tx),
        total: large(row.total),
        sms_mo: small(row.sms_mo.into()),
        sms_mt: small(row.sms_mt.into()),
        sessions: small(row.sessions.into()),
        source: source(row.by_stream, row.by_api).to_string(),
    });
    Ok(pb::ExportUsageResponse {
        rows: rows.collect(),
        next_cursor: page.next_cursor,
    })
}

async fn events(app: &App, request: pb::SimEventsRequest) -> Result<pb::SimEventsResponse, RpcError> {
    let query = EventsQuery::new(scope(request.scope.clone())?, iccid(&request.iccid)?, &request)?;
    let (events, next_cursor) = app.sim_events(&query).await?;
    let events = events.into_iter().map(|event| {
        let (word, category) = event_types::named(event.kind, event.type_id);
        pb::SimEvent {
            id: event.event_id.to_string(),
            event_type: word,
            event_category: category.word().to_owned(),
            severity: event.severity,
            description: event.description,
            event_data_json: event.detail.unwrap_or_default(),
            triggered_by: event.triggered_by.unwrap_or_default(),
            timestamp: Some(event.occurred_at.into()),
            type_id: event.type_id,
            alert: event.alert,
        }
    });
    Ok(pb::SimEventsResponse {
        events: events.collect(),
        next_cursor,
    })
}

async fn differences(
    app: &App,
    request: pb::DifferencesRequest,
) -> Result<pb::DifferencesResponse, RpcError> {
    let query = differences::read(scope(request.scope.clone())?, &request)?;
    let page = app.differences(&query).await?;
    let days = page.rows.into_iter().map(|row| pb::DayDifference {
        iccid: row.iccid.to_string(),
        day: row.day.to_string(),
        stream_total: large(row.total),
        api_total: large(row.api_total.unwrap_or(0)),
        stream_sms_mo: small(row.sms_mo.into()),
        api_sms_mo: small(row.api_sms_mo.unwrap_or(0).into()),
        stream_sms_mt: small(row.sms_mt.into()),
        api_sms_mt: small(row.api_sms_mt.unwrap_or(0).into()),
        data_records: small(row.data_records.into()),
        tolerance: ROUNDED_BYTES * large(row.data_records.into()),
        read_at: row.api_read_at.map(Into::into),
    });
    Ok(pb::DifferencesResponse {
        days: days.collect(),
        next_cursor: page.next_cursor,
    })
}

async fn status(app: &App) -> Result<pb::IngestStatusResponse, RpcError> {
    let status = app.ingest_status().await?;
    let streams = status.streams.into_iter().map(|row| pb::StreamStatus {
        state: row.state().to_string(),
        stream: row.stream,
        last_received_at: row.last_received_at.map(Into::into),
        last_record_at: row.last_record_at.map(Into::into),
        silent_since: row.silent_since.map(Into::into),
        records_last_hour: large(row.records_last_hour),
        records_last_day: large(row.records_last_day),
        duplicates_last_day: large(row.duplicates_last_day),
        rejects_last_day: large(row.rejects_last_day),
        batches_last_day: large(row.batches_last_day),
        expected_per_hour: row.expected_per_hour.unwrap_or(0.0),
    });
    Ok(pb::IngestStatusResponse {
        streams: streams.collect(),
        batches_waiting: status.batches_waiting,
        lag_seconds: status.lag_seconds,
        rejects_open: large(status.open.rejects_open),
        api_readings: Some(pb::ApiReadings {
            due: large(status.readings.due),
            read_last_day: large(status.readings.read_last_day),
            failed_last_day: large(status.readings.failed_last_day),
            last_read_at: status.readings.last_read_at.map(Into::into),
            last_error: status.readings.last_error.unwrap_or_default(),
            available: status.api_available,
        }),
        days_that_differ: large(status.open.days_that_differ),
        sims_unknown: large(status.open.sims_unknown),
    })
}

/// Whose data the caller may see.
pub fn scope(scope: Option<WireScope>) -> Result<Scope, RpcError> {
    let scope = scope.ok_or_else(|| RpcError::field("scope", "is missing"))?;
    if scope.organization_id.is_empty() {
        return Ok(Scope::All);
    }
    match Uuid::parse_str(&scope.organization_id) {
        // All zeros stands for SIMs that no inventory knows, which belong to no organization.
        Ok(id) if !id.is_nil() => Ok(Scope::Organization(OrganizationId(id))),
        _ => Err(RpcError::field(
            "organization_id",
            "is no UUID of an organization",
        )),
    }
}

fn iccid(text: &str) -> Result<Iccid, RpcError> {
    Iccid::parse(text).map_err(|error| RpcError::new(ErrorCode::InvalidIccid, error.to_string()))
}

fn large(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

fn small(count: i64) -> u32 {
    u32::try_from(count.max(0)).unwrap_or(u32::MAX)
}
