use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use messages::pb::sim::{
    GetJobRequest, GetJobResponse, Job, JobResult, JobResultsRequest, JobResultsResponse,
};
use messages::{ErrorCode, sim_rpc};
use service_runtime::bus::{RpcError, RpcServer};

/// The jobs that the fake sim-service knows.
#[derive(Default)]
pub struct Jobs {
    pub jobs: BTreeMap<String, (Job, Vec<JobResult>)>,
    /// The most results in one answer, as when they are large.
    pub answer_limit: Option<usize>,
    pub asked: Vec<JobResultsRequest>,
}

/// `get_job` and `job_results` of the fake sim-service.
#[derive(Clone, Default)]
pub struct FakeJobs(Arc<Mutex<Jobs>>);

impl FakeJobs {
    pub fn state(&self) -> MutexGuard<'_, Jobs> {
        self.0.lock().unwrap()
    }

    pub async fn serve(&self, server: &RpcServer) {
        let own = self.clone();
        let get = move |request: GetJobRequest, _| {
            let found = own.state().jobs.get(&request.job_id).cloned();
            let job = found.map(|(job, _)| job).ok_or_else(missing);
            async move { job.map(|job| GetJobResponse { job: Some(job) }) }
        };
        server.method(sim_rpc::GetJob, get).await.unwrap();
        let own = self.clone();
        let results = move |request: JobResultsRequest, _| {
            let page = own.state().page(request);
            async move { page }
        };
        server.method(sim_rpc::JobResults, results).await.unwrap();
    }
}

impl Jobs {
    /// The results with this outcome in their order; the cursor is how many came before.
    fn page(&mut self, request: JobResultsRequest) -> Result<JobResultsResponse, RpcError> {
        let (_, results) = self.jobs.get(&request.job_id).ok_or_else(missing)?;
        let wanted = results
            .iter()
            .filter(|result| request.outcome.is_empty() || result.outcome == request.outcome);
        let before: usize = request.cursor.parse().unwrap_or(0);
        let left: Vec<&JobResult> = wanted.skip(before).collect();
        let size = self
            .answer_limit
            .unwrap_or(usize::MAX)
            .min(request.page_size as usize);
        let taken = left.len().min(size);
        let next_cursor = if taken < left.len() {
            (before + taken).to_string()
        } else {
            String::new()
        };
        let results = left[..taken].iter().map(|result| (*result).clone()).collect();
        self.asked.push(request);
        Ok(JobResultsResponse { results, next_cursor })
    }
}

fn missing() -> RpcError {
    RpcError::new(ErrorCode::NotFound, "the job does not exist")
}
