//! Jobs as the API shows them. Names are public: more may come, none changes.

use messages::Timestamp;
use messages::pb::sim as pb;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::error::ApiError;

/// Work on many SIMs.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobView {
    job_id: String,
    /// `sims.update`, `sims.import`, `sims.transfer` or `sims.extension`.
    kind: String,
    /// `uploading`, `queued`, `running`, `paused`, `completed`, `cancelled` or `failed`.
    status: String,
    /// Nothing is changed: the results tell what would.
    dry_run: bool,
    /// SIMs of the job; null until those of a filter are counted.
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
    organization_id: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    created_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    started_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    finished_at: Option<Timestamp>,
    /// Why the whole job failed.
    error: Option<String>,
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
    job: JobView,
    /// At most 100; all of them are at `/results`.
    results: Vec<JobResultView>,
}

/// What became of one SIM.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobResultView {
    /// As it stands in the file when it is no ICCID.
    iccid: String,
    /// Of an import, from 1, without the head; otherwise null.
    line: Option<u32>,
    /// `pending`, `succeeded`, `unchanged`, `failed`, `uncertain` or `cancelled`.
    outcome: String,
    /// The code of what failed.
    code: Option<String>,
    message: Option<String>,
    /// What changed, or would change: field to `from` and `to`.
    #[schema(value_type = Option<Object>)]
    diff: Option<Box<RawValue>>,
    #[schema(value_type = Option<String>, format = DateTime)]
    finished_at: Option<Timestamp>,
}

impl JobView {
    /// The view of a job.
    ///
    /// # Errors
    /// When sim-service sends an object that is none.
    pub fn new(job: pb::Job) -> Result<Self, ApiError> {
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
            request: object(job.request_json)?.unwrap_or_else(|| RawValue::NULL.to_owned()),
        })
    }
}

impl JobWithResultsView {
    /// The view of a job and some of its results.
    ///
    /// # Errors
    /// When sim-service sends an object that is none.
    pub fn new(job: pb::Job, results: Vec<pb::JobResult>) -> Result<Self, ApiError> {
        Ok(Self {
            job: JobView::new(job)?,
            results: results
                .into_iter()
                .map(JobResultView::new)
                .collect::<Result<_, _>>()?,
        })
    }
}

impl JobResultView {
    /// The view of a result.
    ///
    /// # Errors
    /// When sim-service sends an object that is none.
    pub fn new(result: pb::JobResult) -> Result<Self, ApiError> {
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
