//! What was used: by one SIM, by the fleet, by those that use most, day by day.

use messages::pb::usage as pb;
use service_runtime::bus::{RpcContext, RpcError};
use service_runtime::wire::{count, iccid, optional_iccid, scope, small_count};

use crate::app::sim_usage::SimUsageQuery;
use crate::app::usage_summary::SummaryQuery;
use crate::app::{App, export_usage, top_usage};
use crate::store::sim_usage::source;
use crate::store::usage_summary::GroupRow;

pub async fn sim_usage(app: App, request: pb::SimUsageRequest) -> Result<pb::SimUsageResponse, RpcError> {
    let query = SimUsageQuery::new(scope(request.scope.clone())?, iccid(&request.iccid)?, &request)?;
    let periods = app
        .sim_usage(&query)
        .await?
        .into_iter()
        .map(|period| pb::UsagePeriod {
            start: period.label,
            rx: count(period.amounts.rx),
            tx: count(period.amounts.tx),
            total: count(period.amounts.total),
            sms_mo: small_count(period.amounts.sms_mo),
            sms_mt: small_count(period.amounts.sms_mt),
            sessions: small_count(period.amounts.sessions),
            source: source(period.by_stream, period.by_api).to_string(),
        });
    Ok(pb::SimUsageResponse {
        periods: periods.collect(),
    })
}

pub async fn summary(
    app: App,
    request: pb::UsageSummaryRequest,
) -> Result<pb::UsageSummaryResponse, RpcError> {
    let query = SummaryQuery::new(scope(request.scope.clone())?, &request)?;
    let summary = app.usage_summary(&query).await?;
    Ok(pb::UsageSummaryResponse {
        sum: Some(group(summary.sum)),
        groups: summary.groups.into_iter().map(group).collect(),
        groups_are_cut: summary.groups_are_cut,
    })
}

pub(super) fn group(row: GroupRow) -> pb::UsageGroup {
    pb::UsageGroup {
        key: row.key,
        name: row.name,
        rx: count(row.rx),
        tx: count(row.tx),
        total: count(row.total),
        sms_mo: count(row.sms_mo),
        sms_mt: count(row.sms_mt),
        sims: count(row.sims),
    }
}

pub async fn top(
    app: App,
    request: pb::TopUsageRequest,
    context: RpcContext,
) -> Result<pb::TopUsageResponse, RpcError> {
    let query = top_usage::read(scope(request.scope.clone())?, &request)?;
    // Equal questions wait for the one that is asked.
    context.waits_for_others().await?;
    let sims = app.top_usage(query).await?;
    let sims = sims.iter().map(|sim| pb::TopSim {
        iccid: sim.iccid.to_string(),
        rx: count(sim.rx),
        tx: count(sim.tx),
        total: count(sim.total),
        sms_mo: count(sim.sms_mo),
        sms_mt: count(sim.sms_mt),
    });
    Ok(pb::TopUsageResponse { sims: sims.collect() })
}

pub async fn export(app: App, request: pb::ExportUsageRequest) -> Result<pb::ExportUsageResponse, RpcError> {
    let one = optional_iccid(&request.iccid)?;
    let query = export_usage::read(scope(request.scope.clone())?, one, &request)?;
    let page = app.export_usage(&query).await?;
    let rows = page.rows.into_iter().map(|row| pb::DailyUsage {
        iccid: row.iccid.to_string(),
        day: row.day.to_string(),
        rx: count(row.rx),
        tx: count(row.tx),
        total: count(row.total),
        sms_mo: small_count(row.sms_mo.into()),
        sms_mt: small_count(row.sms_mt.into()),
        sessions: small_count(row.sessions.into()),
        source: source(row.by_stream, row.by_api).to_string(),
    });
    Ok(pb::ExportUsageResponse {
        rows: rows.collect(),
        next_cursor: page.next_cursor,
    })
}
