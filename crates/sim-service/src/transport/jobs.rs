//! The methods about bulk jobs.

use domain::JobAction;
use messages::pb::sim as pb;
use service_runtime::bus::RpcError;
use service_runtime::wire::{self, actor, count, number_cursor, one_of, page_size, refuse, scope};
use uuid::Uuid;

use crate::app::App;
use crate::store::{ItemResult, Job, JobList, ResultList, cursor_after};

/// Lines of one request.
const MOST_LINES: usize = 1_000;

pub async fn create(app: App, mut request: pb::CreateJobRequest) -> Result<pb::CreateJobResponse, RpcError> {
    let scope = scope(request.scope.clone())?;
    let actor = actor(request.actor.take());
    let made = app
        .create_job(scope, &actor, job_id(&request.job_id)?, request)
        .await?;
    Ok(pb::CreateJobResponse { job: Some(job(made)) })
}

pub async fn add(app: App, request: pb::AddJobItemsRequest) -> Result<pb::AddJobItemsResponse, RpcError> {
    if request.lines.len() > MOST_LINES {
        return Err(RpcError::field("lines", "are at most 1000"));
    }
    let items = app
        .add_job_lines(scope(request.scope)?, job_id(&request.job_id)?, request.lines)
        .await?;
    Ok(pb::AddJobItemsResponse { items: count(items) })
}

pub async fn submit(app: App, request: pb::SubmitJobRequest) -> Result<pb::SubmitJobResponse, RpcError> {
    let submitted = app
        .submit_job(scope(request.scope)?, job_id(&request.job_id)?, request.items)
        .await?;
    Ok(pb::SubmitJobResponse {
        job: Some(job(submitted)),
    })
}

pub async fn control(app: App, request: pb::ControlJobRequest) -> Result<pb::ControlJobResponse, RpcError> {
    let action = JobAction::from_word(&request.action)
        .ok_or_else(|| RpcError::field("action", "is pause, resume or cancel"))?;
    let actor = actor(request.actor);
    let controlled = app
        .control_job(scope(request.scope)?, job_id(&request.job_id)?, action, &actor)
        .await?;
    Ok(pb::ControlJobResponse {
        job: Some(job(controlled)),
    })
}

pub async fn get(app: App, request: pb::GetJobRequest) -> Result<pb::GetJobResponse, RpcError> {
    let found = app.job(scope(request.scope)?, job_id(&request.job_id)?).await?;
    Ok(pb::GetJobResponse {
        job: Some(job(found)),
    })
}

pub async fn list(app: App, request: pb::ListJobsRequest) -> Result<pb::ListJobsResponse, RpcError> {
    let mut wrong = Vec::new();
    let status = one_of("status", &request.status, &mut wrong);
    let kind = one_of("kind", &request.kind, &mut wrong);
    let size = page_size(request.page_size, 100, &mut wrong);
    refuse(wrong)?;
    let list = JobList {
        scope: scope(request.scope)?,
        status,
        kind,
        cursor: Some(request.cursor).filter(|cursor| !cursor.is_empty()),
        size,
    };
    let found = app.list_jobs(&list).await?;
    let (jobs, next_cursor) = wire::page_of(found, size, |stored| {
        let cursor = cursor_after(&stored);
        (job(stored), cursor)
    });
    Ok(pb::ListJobsResponse { jobs, next_cursor })
}

pub async fn results(app: App, request: pb::JobResultsRequest) -> Result<pb::JobResultsResponse, RpcError> {
    let mut wrong = Vec::new();
    let outcome = one_of("outcome", &request.outcome, &mut wrong);
    let size = page_size(request.page_size, 1_000, &mut wrong);
    let after = number_cursor(&request.cursor, &mut wrong);
    refuse(wrong)?;
    let list = ResultList {
        job: job_id(&request.job_id)?,
        outcome,
        after,
        size,
    };
    let found = app.job_results(scope(request.scope)?, &list).await?;
    let (results, next_cursor) = wire::page_of(found, size, |item| {
        let cursor = item.seq;
        (result(item), cursor)
    });
    Ok(pb::JobResultsResponse { results, next_cursor })
}

fn job_id(text: &str) -> Result<Uuid, RpcError> {
    wire::id("job_id", text)
}

fn job(job: Job) -> pb::Job {
    let waiting = job.waiting_since.map(|since| {
        let since = since.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        let reason = job.waiting_reason.as_deref().unwrap_or_default();
        format!("waits for 1NCE since {since}: {reason}")
    });
    let mut spec = job.spec;
    if let Some(spec) = spec.as_object_mut() {
        spec.remove("kind");
    }
    pb::Job {
        id: job.id.to_string(),
        kind: job.kind.to_string(),
        status: job.status.to_string(),
        dry_run: job.dry_run,
        total: job.total.map(count),
        done: count(job.done),
        failed: count(job.failed),
        unchanged: count(job.unchanged),
        uncertain: count(job.uncertain),
        created_by: job.created_by,
        organization_id: job.organization_id.map(|id| id.to_string()).unwrap_or_default(),
        created_at: Some(job.created_at.into()),
        started_at: job.started_at.map(Into::into),
        finished_at: job.finished_at.map(Into::into),
        error: job.error.unwrap_or_default(),
        request_json: spec.to_string(),
        waiting: waiting.unwrap_or_default(),
    }
}

fn result(item: ItemResult) -> pb::JobResult {
    let iccid = item.iccid.and_then(|number| domain::Iccid::from_i64(number).ok());
    pb::JobResult {
        iccid: iccid.map_or_else(|| item.text.unwrap_or_default(), |iccid| iccid.to_string()),
        line: u32::try_from(item.line).unwrap_or(0),
        outcome: item.outcome.to_string(),
        code: item.code.unwrap_or_default(),
        message: item.message.unwrap_or_default(),
        diff_json: item.diff.map(|diff| diff.to_string()).unwrap_or_default(),
        finished_at: item.finished_at.map(Into::into),
    }
}
