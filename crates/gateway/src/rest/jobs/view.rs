//! Jobs as the API shows them. Names are public: more may come, none changes.

use messages::Timestamp;
use messages::pb::sim as pb;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::error::ApiError;
use crate::rest::frame::Example;
use crate::rest::frame::example::TIME;
use crate::rest::frame::fields::words_of;

words_of! {
    /// What a job does to its SIMs.
    pub type JobKindWord = JobKind as "JobKind"
}

words_of! {
    /// How far a job is. `uploading`: the lines of its file are not all there.
    pub type JobStatusWord = JobStatus as "JobStatus"
}

words_of! {
    /// What became of one SIM of a job. `uncertain`: 1NCE was asked and nobody knows whether it did it.
    pub type ItemOutcomeWord = ItemOutcome as "JobItemOutcome"
}

/// A change of many SIMs.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobView {
    job_id: String,
    #[schema(value_type = JobKindWord)]
    kind: String,
    #[schema(value_type = JobStatusWord)]
    status: String,
    /// Nothing is changed: the results tell what would.
    dry_run: bool,
    /// SIMs of the job; null until those of a filter are counted.
    #[schema(required)]
    total: Option<u64>,
    /// SIMs with an outcome, of any kind.
    done: u64,
    failed: u64,
    /// Nothing had to change.
    unchanged: u64,
    /// 1NCE was asked and nobody knows whether it did it; a person has to look.
    uncertain: u64,
    /// Such as `api_key:` and its id.
    created_by: String,
    /// Whose job it is; null for the whole platform's.
    #[schema(required)]
    organization_id: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime, required)]
    created_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime, required)]
    started_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime, required)]
    finished_at: Option<Timestamp>,
    /// Why the whole job failed.
    #[schema(required)]
    error: Option<String>,
    /// Why it waits while 1NCE cannot be used, and since when; no SIM fails for that.
    #[schema(required)]
    waiting: Option<String>,
    /// The request in short.
    #[schema(value_type = Object)]
    request: Box<RawValue>,
    /// Where to follow it.
    status_url: String,
}

/// A job with its first results.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobWithResultsView {
    #[serde(flatten)]
    pub job: JobView,
    /// At most 100; all of them are at `/results`.
    pub results: Vec<JobResultView>,
}

/// What became of one SIM.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobResultView {
    /// As it stands in the file when it is no ICCID.
    iccid: String,
    /// Of an import, from 1, without the head; otherwise null.
    #[schema(required)]
    line: Option<u32>,
    #[schema(value_type = ItemOutcomeWord)]
    outcome: String,
    /// The code of what failed.
    #[schema(required)]
    code: Option<String>,
    #[schema(required)]
    message: Option<String>,
    /// What changed, or would change: field to `from` and `to`.
    #[schema(value_type = Option<Object>, required)]
    diff: Option<Box<RawValue>>,
    #[schema(value_type = Option<String>, format = DateTime, required)]
    finished_at: Option<Timestamp>,
}

impl TryFrom<pb::Job> for JobView {
    type Error = ApiError;

    fn try_from(job: pb::Job) -> Result<Self, ApiError> {
        Ok(Self {
            status_url: format!("/api/v1/jobs/{}", job.id),
            job_id: job.id,
            kind: job.kind,
            status: job.status,
            dry_run: job.dry_run,
            total: job.total,
            done: job.done,
            failed: job.failed,
            unchanged: job.unchanged,
            uncertain: job.uncertain,
            created_by: job.created_by,
            organization_id: text(job.organization_id),
            created_at: job.created_at,
            started_at: job.started_at,
            finished_at: job.finished_at,
            error: text(job.error),
            waiting: text(job.waiting),
            request: object(job.request_json)?.unwrap_or_else(|| RawValue::NULL.to_owned()),
        })
    }
}

impl TryFrom<pb::JobResult> for JobResultView {
    type Error = ApiError;

    fn try_from(result: pb::JobResult) -> Result<Self, ApiError> {
        Ok(Self {
            iccid: result.iccid,
            line: (result.line > 0).then_some(result.line),
            outcome: result.outcome,
            code: text(result.code),
            message: text(result.message),
            diff: object(result.diff_json)?,
            finished_at: result.finished_at,
        })
    }
}

fn text(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn object(json: String) -> Result<Option<Box<RawValue>>, ApiError> {
    let json = text(json).map(RawValue::from_string);
    json.transpose().map_err(|error| ApiError::internal(&error))
}

impl Example for JobView {
    fn example() -> Value {
        json!({
            "job_id": "019cf7a0-0000-7000-8000-000000000003", "kind": "sims.update", "status": "running",
            "dry_run": false, "total": 1, "done": 0, "failed": 0, "unchanged": 0, "uncertain": 0,
            "created_by": "api_key:019cf7a0-0000-7000-8000-000000000004", "organization_id": null,
            "created_at": TIME, "started_at": TIME, "finished_at": null, "error": null, "waiting": null,
            "request": { "sims": 1 },
            "status_url": "/api/v1/jobs/019cf7a0-0000-7000-8000-000000000003",
        })
    }
}

impl Example for JobWithResultsView {
    fn example() -> Value {
        let mut job = JobView::example();
        job["status"] = json!("completed");
        job["done"] = json!(1);
        job["finished_at"] = json!(TIME);
        job["results"] = json!([JobResultView::example()]);
        job
    }
}

impl Example for JobResultView {
    fn example() -> Value {
        json!({
            "iccid": "8988999000000000017", "line": null, "outcome": "succeeded", "code": null, "message": null,
            "diff": { "imei_lock": { "from": false, "to": true } }, "finished_at": TIME,
        })
    }
}
