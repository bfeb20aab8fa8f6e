use std::collections::BTreeMap;

use domain::Scope;
use messages::ErrorCode;
use messages::pb::common::Scope as WireScope;
use messages::pb::sim as pb;
use messages::sim_rpc::{self, SimService};
use service_runtime::bus::RpcError;
use test_support::{FakeService, SharedMemory};

use crate::fake_sims::seen;

/// What the fake's jobs are and what it was asked.
#[derive(Default)]
pub struct Jobs {
    pub creates: Vec<pb::CreateJobRequest>,
    pub items: Vec<pb::AddJobItemsRequest>,
    pub submits: Vec<pb::SubmitJobRequest>,
    pub lists: Vec<pb::ListJobsRequest>,
    pub asked_results: Vec<pb::JobResultsRequest>,
    pub controls: Vec<pb::ControlJobRequest>,
    pub jobs: BTreeMap<String, pb::Job>,
    /// Of every job that `results_of` does not name.
    pub results: Vec<pb::JobResult>,
    pub results_of: BTreeMap<String, Vec<pb::JobResult>>,
    /// The most results in one answer, as when they are large.
    pub answer_limit: Option<usize>,
    /// Answered instead of storing items, once each.
    pub item_errors: Vec<RpcError>,
    /// Answered after a submit was carried out.
    pub submit_error: Option<RpcError>,
}

impl Jobs {
    pub fn lines(&self) -> Vec<&pb::ImportLine> {
        self.items.iter().flat_map(|request| &request.lines).collect()
    }
}

pub fn serve(fake: FakeService<SimService>, jobs: &SharedMemory<Jobs>) -> FakeService<SimService> {
    let fake = fake
        .on(jobs, sim_rpc::CreateJob, |state, request| {
            let job = new_job(&request);
            let job = state.jobs.entry(job.id.clone()).or_insert(job).clone();
            state.creates.push(request);
            Ok(pb::CreateJobResponse { job: Some(job) })
        })
        .on(jobs, sim_rpc::AddJobItems, |state, request| {
            if !state.item_errors.is_empty() {
                return Err(state.item_errors.remove(0));
            }
            state.items.push(request);
            let items = state.lines().len() as u64;
            Ok(pb::AddJobItemsResponse { items })
        })
        .on(jobs, sim_rpc::SubmitJob, |state, request| {
            let job = set_status(state, &request.job_id, request.scope.as_ref(), "queued")?;
            state.submits.push(request);
            match state.submit_error.take() {
                Some(error) => Err(error),
                None => Ok(pb::SubmitJobResponse { job: Some(job) }),
            }
        })
        .on(jobs, sim_rpc::ControlJob, |state, request| {
            let status = match request.action.as_str() {
                "pause" => "paused",
                "resume" => "running",
                _ => "cancelled",
            };
            let job = set_status(state, &request.job_id, request.scope.as_ref(), status);
            state.controls.push(request);
            Ok(pb::ControlJobResponse { job: Some(job?) })
        });
    serve_reads(fake, jobs)
}

fn serve_reads(fake: FakeService<SimService>, jobs: &SharedMemory<Jobs>) -> FakeService<SimService> {
    fake.on(jobs, sim_rpc::ListJobs, |state, request| {
        let visible = |job: &&pb::Job| is_seen(job, request.scope.as_ref());
        let jobs = state.jobs.values().filter(visible).cloned().collect();
        state.lists.push(request);
        Ok(pb::ListJobsResponse {
            jobs,
            next_cursor: "more".to_owned(),
        })
    })
    .on(jobs, sim_rpc::GetJob, |state, request| {
        let job = find(state, &request.job_id, request.scope.as_ref())?.clone();
        Ok(pb::GetJobResponse { job: Some(job) })
    })
    .on(jobs, sim_rpc::JobResults, |state, request| {
        find(state, &request.job_id, request.scope.as_ref())?;
        if let Some(results) = state.results_of.get(&request.job_id) {
            return Ok(page(results, &request, state.answer_limit));
        }
        let results = state.results.iter().take(request.page_size as usize).cloned();
        let results = results.collect();
        state.asked_results.push(request);
        Ok(pb::JobResultsResponse {
            results,
            next_cursor: String::new(),
        })
    })
}

/// The results with this outcome in their order; the cursor is how many came before.
fn page(
    results: &[pb::JobResult],
    request: &pb::JobResultsRequest,
    answer_limit: Option<usize>,
) -> pb::JobResultsResponse {
    let wanted = results
        .iter()
        .filter(|result| request.outcome.is_empty() || result.outcome == request.outcome);
    let before: usize = request.cursor.parse().unwrap_or(0);
    let left: Vec<&pb::JobResult> = wanted.skip(before).collect();
    let size = answer_limit.unwrap_or(usize::MAX).min(request.page_size as usize);
    let taken = left.len().min(size);
    let next_cursor = if taken < left.len() {
        (before + taken).to_string()
    } else {
        String::new()
    };
    let results = left[..taken].iter().map(|result| (*result).clone()).collect();
    pb::JobResultsResponse { results, next_cursor }
}

fn new_job(request: &pb::CreateJobRequest) -> pb::Job {
    use pb::create_job_request::Work;
    let (kind, status) = match &request.work {
        Some(Work::Update(_)) => ("sims.update", "queued"),
        Some(Work::Import(_)) => ("sims.import", "uploading"),
        Some(Work::Transfer(_)) => ("sims.transfer", "queued"),
        Some(Work::Extension(_)) | None => ("sims.extension", "queued"),
    };
    pb::Job {
        id: request.job_id.clone(),
        kind: kind.to_owned(),
        status: status.to_owned(),
        dry_run: request.dry_run,
        organization_id: match seen(request.scope.as_ref()) {
            Scope::All => String::new(),
            Scope::Organization(id) => id.to_string(),
        },
        request_json: r#"{"sims":1}"#.to_owned(),
        ..pb::Job::default()
    }
}

fn is_seen(job: &pb::Job, scope: Option<&WireScope>) -> bool {
    match seen(scope) {
        Scope::All => true,
        Scope::Organization(id) => job.organization_id == id.to_string(),
    }
}

fn find<'a>(state: &'a mut Jobs, id: &str, scope: Option<&WireScope>) -> Result<&'a mut pb::Job, RpcError> {
    let found = state.jobs.get_mut(id).filter(|job| is_seen(job, scope));
    found.ok_or_else(|| RpcError::new(ErrorCode::NotFound, "the job does not exist"))
}

fn set_status(
    state: &mut Jobs,
    id: &str,
    scope: Option<&WireScope>,
    status: &str,
) -> Result<pb::Job, RpcError> {
    let job = find(state, id, scope)?;
    status.clone_into(&mut job.status);
    Ok(job.clone())
}
