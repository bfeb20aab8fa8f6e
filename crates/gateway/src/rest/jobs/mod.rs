//! Jobs: changes of many SIMs, followed and controlled.

mod view;

use domain::{ItemOutcome, JobKind, JobStatus};
use std::borrow::Cow;

use messages::pb::sim as pb;
use messages::sim_rpc;
use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use uuid::Uuid;

pub use view::{JobResultView, JobView, JobWithResultsView};

use super::frame::authenticate::{ReadSims, WriteSims};
use super::frame::fields::{Cursor, Field, OneOf, PageSize, Word};
use super::frame::path::PathField;
use super::frame::view::Of;
use super::frame::{Answer, Call, InPath, Listed, NoBody, Operation, Query, fields, operations};
use crate::app::jobs::{JobControl, control_job, get_job as job_of};
use crate::error::{ApiCode, ApiError};

/// Results that a job shows itself.
const FIRST: u32 = 100;

pub fn operations() -> Vec<Operation> {
    operations![
        list_jobs,
        get_job,
        list_job_results,
        pause_job.may_fail(&[ApiCode::Conflict]),
        resume_job.may_fail(&[ApiCode::Conflict]),
        cancel_job.may_fail(&[ApiCode::Conflict]),
    ]
}

/// A job in a path. What is no id is told as a field at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobId(pub Uuid);

impl Field for JobId {
    fn rule() -> Cow<'static, str> {
        Uuid::rule()
    }

    fn schema() -> RefOr<Schema> {
        Uuid::schema()
    }

    fn read(value: &Value) -> Option<Self> {
        Uuid::read(value).map(Self)
    }
}

impl PathField for JobId {
    const NAME: &'static str = "id";
    const DESCRIPTION: &'static str = "`job_id`";
    const CODE: ApiCode = ApiCode::Validation;

    fn refusal(_: &str) -> String {
        Self::rule().into_owned()
    }
}

fields! {
    /// Which jobs.
    pub struct JobsParams {
        status: Option<Word<JobStatus>>,
        kind: Option<Word<JobKind>>,
        page_size: PageSize,
        /// `next_cursor` of an earlier answer.
        cursor: Cursor,
    }
}

fields! {
    /// Which results.
    pub struct JobResultsParams {
        outcome: Option<Word<ItemOutcome>>,
        page_size: PageSize<FIRST, 1000>,
        /// `next_cursor` of an earlier answer.
        cursor: Cursor,
    }
}

/// Jobs
///
/// The newest first. An organization's key sees its own.
#[utoipa::path(get, path = "/api/v1/jobs", tag = "Jobs")]
async fn list_jobs(
    call: Call<ReadSims>,
    Query(params): Query<JobsParams>,
) -> Result<Listed<JobView>, ApiError> {
    let page_size = params.page_size.get();
    let page = call
        .ask::<sim_rpc::ListJobs>(|scope| pb::ListJobsRequest {
            scope: Some(scope),
            status: text(params.status),
            kind: text(params.kind),
            cursor: params.cursor.0,
            page_size,
        })
        .await?;
    Ok(Listed::of(page.jobs, page_size, page.next_cursor))
}

/// One job
///
/// With its first 100 results.
#[utoipa::path(get, path = "/api/v1/jobs/{id}", tag = "Jobs")]
async fn get_job(
    call: Call<ReadSims>,
    InPath(JobId(id)): InPath<JobId>,
) -> Result<Answer<JobWithResultsView>, ApiError> {
    let found = call.run(move |gateway, context| async move {
        let job = job_of(&gateway, &context, id).await?;
        let question = pb::JobResultsRequest {
            scope: Some(context.principal.scope()),
            job_id: id.to_string(),
            page_size: FIRST,
            ..pb::JobResultsRequest::default()
        };
        let first = gateway.ask::<sim_rpc::JobResults>(&context, &question).await?;
        Ok((job, first))
    });
    let (job, first) = found.await?;
    Ok(Answer(JobWithResultsView {
        job: job.into(),
        results: Vec::of(first.results),
    }))
}

/// What became of each SIM of a job
///
/// In the order of the request, or of the file.
#[utoipa::path(get, path = "/api/v1/jobs/{id}/results", tag = "Jobs")]
async fn list_job_results(
    call: Call<ReadSims>,
    InPath(JobId(id)): InPath<JobId>,
    Query(params): Query<JobResultsParams>,
) -> Result<Listed<JobResultView>, ApiError> {
    let page_size = params.page_size.get();
    let page = call
        .ask::<sim_rpc::JobResults>(|scope| pb::JobResultsRequest {
            scope: Some(scope),
            job_id: id.to_string(),
            outcome: text(params.outcome),
            cursor: params.cursor.0,
            page_size,
        })
        .await?;
    Ok(Listed::of(page.results, page_size, page.next_cursor))
}

/// Pause a job
///
/// SIMs that 1NCE is being asked about are finished. A job that is paused already is answered as it is.
#[utoipa::path(post, path = "/api/v1/jobs/{id}/pause", tag = "Jobs")]
async fn pause_job(
    call: Call<WriteSims>,
    InPath(id): InPath<JobId>,
    _: NoBody,
) -> Result<Answer<JobView>, ApiError> {
    control(&call, id, JobControl::Pause).await
}

/// Go on with a paused job
///
/// SIMs that have an outcome keep it. A job that goes on already is answered as it is.
#[utoipa::path(post, path = "/api/v1/jobs/{id}/resume", tag = "Jobs")]
async fn resume_job(
    call: Call<WriteSims>,
    InPath(id): InPath<JobId>,
    _: NoBody,
) -> Result<Answer<JobView>, ApiError> {
    control(&call, id, JobControl::Resume).await
}

/// Cancel a job
///
/// SIMs that have an outcome keep it; nothing is undone. A job that is cancelled already is answered as it is.
#[utoipa::path(delete, path = "/api/v1/jobs/{id}", tag = "Jobs")]
async fn cancel_job(
    call: Call<WriteSims>,
    InPath(id): InPath<JobId>,
    _: NoBody,
) -> Result<Answer<JobView>, ApiError> {
    control(&call, id, JobControl::Cancel).await
}

async fn control(
    call: &Call<WriteSims>,
    JobId(id): JobId,
    control: JobControl,
) -> Result<Answer<JobView>, ApiError> {
    let job = call.run(|gateway, context| control_job(gateway, context, id, control));
    Ok(Answer(job.await?.into()))
}

/// The word as it is asked for: empty means any.
fn text<T: OneOf>(word: Option<Word<T>>) -> String {
    word.map_or("", |word| word.0.word()).to_owned()
}
