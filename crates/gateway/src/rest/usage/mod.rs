//! What SIMs used.

mod differences;
mod export;
mod params;
mod view;

use domain::Iccid;
use messages::pb::usage as pb;
use messages::usage_rpc;

use super::frame::authenticate::ReadUsage;
use super::frame::{Answer, Call, InPath, Operation, Query, operations};
use crate::app::LONG_READ_LIMIT;
use crate::error::ApiError;
use params::{SimUsageParams, TopUsageParams, UsageSummaryParams, tag_text};
use view::{SimUsageView, TopUsageView, UsageSummaryView};

pub fn operations() -> Vec<Operation> {
    let mut operations = operations![get_sim_usage, get_usage_summary, get_top_usage];
    operations.extend(export::operations());
    operations.extend(differences::operations());
    operations
}

/// What one SIM used
///
/// By hour, day, week (from Monday) or month of a time zone. Days come from exact sums of the received records, and
/// from 1NCE's API where the stream brought less than rounding explains.
#[utoipa::path(get, path = "/api/v1/sims/{iccid}/usage", tag = "Usage")]
async fn get_sim_usage(
    call: Call<ReadUsage>,
    InPath(iccid): InPath<Iccid>,
    Query(params): Query<SimUsageParams>,
) -> Result<Answer<SimUsageView>, ApiError> {
    let period = params.period()?;
    let answer = call
        .ask_within::<usage_rpc::SimUsage>(LONG_READ_LIMIT, |scope| pb::SimUsageRequest {
            scope: Some(scope),
            iccid: iccid.to_string(),
            start_date: period.start.to_string(),
            end_date: period.end.to_string(),
            granularity: params.granularity.0.word().to_owned(),
            time_zone: params.tz.0.clone(),
        })
        .await?;
    Ok(Answer(SimUsageView::new(&iccid, params, period, answer.periods)))
}

/// What the fleet used
///
/// The sum, and groups of it by day, country, operator, RAT or tag.
#[utoipa::path(get, path = "/api/v1/usage/summary", tag = "Usage")]
async fn get_usage_summary(
    call: Call<ReadUsage>,
    Query(params): Query<UsageSummaryParams>,
) -> Result<Answer<UsageSummaryView>, ApiError> {
    let period = params.period()?;
    let group_by = params.group_by.map_or("", |group_by| group_by.0.word());
    let mut answer = call
        .ask_within::<usage_rpc::UsageSummary>(LONG_READ_LIMIT, |scope| pb::UsageSummaryRequest {
            scope: Some(scope),
            start_date: period.start.to_string(),
            end_date: period.end.to_string(),
            group_by: group_by.to_owned(),
            tag: tag_text(&params.tag),
        })
        .await?;
    let lacks = || ApiError::internal(&"usage-ingestor's answer lacks a sum");
    let sum = answer.sum.take().ok_or_else(lacks)?;
    Ok(Answer(UsageSummaryView::new(&params, period, sum, answer)))
}

/// The SIMs that use most
///
/// An answer may be a minute old.
#[utoipa::path(get, path = "/api/v1/usage/top", tag = "Usage")]
async fn get_top_usage(
    call: Call<ReadUsage>,
    Query(params): Query<TopUsageParams>,
) -> Result<Answer<TopUsageView>, ApiError> {
    let period = params.period()?;
    let answer = call
        .ask_within::<usage_rpc::TopUsage>(LONG_READ_LIMIT, |scope| pb::TopUsageRequest {
            scope: Some(scope),
            start_date: period.start.to_string(),
            end_date: period.end.to_string(),
            by: params.by.0.word().to_owned(),
            limit: params.limit.get(),
            tag: tag_text(&params.tag),
        })
        .await?;
    Ok(Answer(TopUsageView::new(&params, period, answer.sims)))
}
