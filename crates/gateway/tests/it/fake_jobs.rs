use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use messages::pb::sim as pb;
use messages::{ErrorCode, RpcMethod, sim_rpc};
use service_runtime::bus::{RpcError, RpcServer};

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
    /// Answered instead of everything else.
    pub error: Option<RpcError>,
}

impl Jobs {
    pub fn lines(&self) -> Vec<&pb::ImportLine> {
        self.items.iter().flat_map(|request| &request.lines).collect()
    }
}

async fn method<M: RpcMethod + 'static>(
    server: &RpcServer,
    state: &Arc<Mutex<Jobs>>,
    method: M,
    answer: impl Fn(&mut Jobs, M::Request) -> Result<M::Response, RpcError> + Send + Sync + 'static,
) {
    let own = Arc::clone(state);
    let answer = Arc::new(answer);
    let handler = move |request, _| {
        let mut state = own.lock().unwrap();
        let outcome = match &state.error {
            Some(error) => Err(error.clone()),
            None => answer(&mut state, request),
        };
        async move { outcome }
    };
    server.method(method, handler).await.unwrap();
}

pub async fn serve(server: &RpcServer, state: &Arc<Mutex<Jobs>>) {
    method(server, state, sim_rpc::CreateJob, |state, request| {
        let job = new_job(&request);
        let job = state.jobs.entry(job.id.clone()).or_insert(job).clone();
        state.creates.push(request);
        Ok(pb::CreateJobResponse { job: Some(job) })
    })
    .await;
    method(server, state, sim_rpc::AddJobItems, |state, request| {
        if !state.item_errors.is_empty() {
            return Err(state.item_errors.remove(0));
        }
        state.items.push(request);
        let items = state.lines().len() as u64;
        Ok(pb::AddJobItemsResponse { items })
    })
    .await;
    method(server, state, sim_rpc::SubmitJob, |state, request| {
        let job = set_status(state, &request.job_id, request.scope.as_ref(), "queued")?;
        state.submits.push(request);
        match state.submit_error.take() {
            Some(error) => Err(error),
            None => Ok(pb::SubmitJobResponse { job: Some(job) }),
        }
    })
    .await;
    method(server, state, sim_rpc::ControlJob, |state, request| {
        let status = match request.action.as_str() {
            "pause" => "paused",
            "resume" => "running",
            _ => "cancelled",
        };
        let job = set_status(state, &request.job_id, request.scope.as_ref(), status);
        state.controls.push(request);
        Ok(pb::ControlJobResponse { job: Some(job?) })
    })
    .await;
    serve_reads(server, state).await;
}

async fn serve_reads(server: &RpcServer, state: &Arc<Mutex<Jobs>>) {
    method(server, state, sim_rpc::ListJobs, |state, request| {
        let seen = |job: &&pb::Job| is_seen(job, request.scope.as_ref());
        let jobs = state.jobs.values().filter(seen).cloned().collect();
        state.lists.push(request);
        Ok(pb::ListJobsResponse {
            jobs,
            next_cursor: "more".to_owned(),
        })
    })
    .await;
    method(server, state, sim_rpc::GetJob, |state, request| {
        let job = find(state, &request.job_id, request.scope.as_ref())?.clone();
        Ok(pb::GetJobResponse { job: Some(job) })
    })
    .await;
    method(server, state, sim_rpc::JobResults, |state, request| {
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
    .await;
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
        organization_id: request.scope.as_ref().unwrap().organization_id.clone(),
        request_json: r#"{"sims":1}"#.to_owned(),
        ..pb::Job::default()
    }
}

fn is_seen(job: &pb::Job, scope: Option<&messages::pb::common::Scope>) -> bool {
    let wanted = scope
        .map(|scope| scope.organization_id.as_str())
        .unwrap_or_default();
    wanted.is_empty() || job.organization_id == wanted
}

fn find<'a>(
    state: &'a mut Jobs,
    id: &str,
    scope: Option<&messages::pb::common::Scope>,
) -> Result<&'a mut pb::Job, RpcError> {
    let found = state.jobs.get_mut(id).filter(|job| is_seen(job, scope));
    found.ok_or_else(|| RpcError::new(ErrorCode::NotFound, "the job does not exist"))
}

fn set_status(
    state: &mut Jobs,
    id: &str,
    scope: Option<&messages::pb::common::Scope>,
    status: &str,
) -> Result<pb::Job, RpcError> {
    let job = find(state, id, scope)?;
    status.clone_into(&mut job.status);
    Ok(job.clone())
}
