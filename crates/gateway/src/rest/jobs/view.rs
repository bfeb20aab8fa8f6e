//! Jobs as the API shows them. Names are public: more may come, none changes.

use domain::{ItemOutcome, JobKind, JobStatus};
use messages::Timestamp;
use messages::pb::sim as pb;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::rest::frame::example::TIME;
use crate::rest::frame::fields::words_of;
use crate::rest::frame::view::{JsonObject, Of, Told};
use crate::rest::frame::{Example, view};

words_of! {
    /// What a job does to its SIMs.
    JobKind as "JobKind"
}

words_of! {
    /// How far a job is. `uploading`: the lines of its file are not all there.
    JobStatus as "JobStatus"
}

words_of! {
    /// What became of one SIM of a job. `uncertain`: 1NCE was asked and nobody knows whether it did it.
    ItemOutcome as "JobItemOutcome"
}

view! {
    /// A change of many SIMs.
    pub struct JobView from pb::Job as job {
        job_id: String = "019cf7a0-0000-7000-8000-000000000003" => job.id,
        kind: Told<JobKind> = "sims.update",
        status: Told<JobStatus> = "running",
        /// Nothing is changed: the results tell what would.
        dry_run: bool,
        /// SIMs of the job; null until those of a filter are counted.
        total: Option<u64> = 1,
        /// SIMs with an outcome, of any kind.
        done: u64,
        failed: u64,
        /// Nothing had to change.
        unchanged: u64,
        /// 1NCE was asked and nobody knows whether it did it; a person has to look.
        uncertain: u64,
        /// Such as `api_key:` and its id.
        created_by: String = "api_key:019cf7a0-0000-7000-8000-000000000004",
        /// Whose job it is; null for the whole platform's.
        organization_id: Option<String>,
        created_at: Option<Timestamp> = TIME,
        started_at: Option<Timestamp> = TIME,
        finished_at: Option<Timestamp>,
        /// Why the whole job failed.
        error: Option<String>,
        /// Why it waits while 1NCE cannot be used, and since when; no SIM fails for that.
        waiting: Option<String>,
        /// The request in short.
        request: JsonObject = json!({ "sims": 1 }) => JsonObject::of(job.request_json),
        /// Where to follow it.
        status_url: String = "/api/v1/jobs/019cf7a0-0000-7000-8000-000000000003" => format!("/api/v1/jobs/{job_id}"),
    }
}

/// A job with its first results.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobWithResultsView {
    #[serde(flatten)]
    pub job: JobView,
    /// At most 100; all of them are at `/results`.
    pub results: Vec<JobResultView>,
}

view! {
    /// What became of one SIM.
    pub struct JobResultView from pb::JobResult as result {
        /// As it stands in the file when it is no ICCID.
        iccid: String = "8988999000000000017",
        /// Of an import, from 1, without the head; otherwise null.
        line: Option<u32> => (result.line > 0).then_some(result.line),
        outcome: Told<ItemOutcome> = "succeeded",
        /// The code of what failed.
        code: Option<String>,
        message: Option<String>,
        /// What changed, or would change: field to `from` and `to`.
        diff: Option<JsonObject> = json!({ "imei_lock": { "from": false, "to": true } }) => Option::of(result.diff_json),
        finished_at: Option<Timestamp> = TIME,
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
