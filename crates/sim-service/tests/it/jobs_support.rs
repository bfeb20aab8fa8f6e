//! What the tests of bulk jobs ask again and again.

use anyhow::ensure;
use messages::pb::common::{Actor, Scope as WireScope};
use messages::pb::sim as pb;
use messages::pb::sim::create_job_request::Work;
use messages::sim_rpc;
use once_emulator::CallFilter;
use service_runtime::bus::RpcError;
use test_support::eventually;

use crate::harness::TestApp;

pub fn all() -> Option<WireScope> {
    Some(domain::Scope::All.into())
}

pub fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

pub fn named(iccids: &[String]) -> Option<pb::SimSelection> {
    Some(pb::SimSelection {
        iccids: iccids.to_vec(),
        filter: None,
    })
}

pub fn matching(filter: pb::SimFilter) -> Option<pb::SimSelection> {
    Some(pb::SimSelection {
        iccids: Vec::new(),
        filter: Some(filter),
    })
}

pub fn label(text: &str) -> pb::SimChange {
    pb::SimChange {
        label: Some(text.to_owned()),
        ..pb::SimChange::default()
    }
}

pub fn tagged(tag: &str) -> pb::SimChange {
    pb::SimChange {
        add_tags: vec![tag.to_owned()],
        ..pb::SimChange::default()
    }
}

pub fn update(selection: Option<pb::SimSelection>, change: pb::SimChange) -> Work {
    Work::Update(pb::UpdateWork {
        selection,
        change: Some(change),
    })
}

impl TestApp {
    pub async fn create_job(&self, request: pb::CreateJobRequest) -> Result<pb::Job, RpcError> {
        let actor = Some(Actor {
            kind: "user".into(),
            id: "u1".into(),
        });
        let request = pb::CreateJobRequest { actor, ..request };
        self.call::<sim_rpc::CreateJob>(request)
            .await
            .map(|answer| answer.job.expect("a job"))
    }

    /// A job of the whole platform.
    pub async fn start_job(&self, work: Work) -> pb::Job {
        self.create_job(pb::CreateJobRequest {
            scope: all(),
            job_id: new_id(),
            work: Some(work),
            ..Default::default()
        })
        .await
        .expect("a job")
    }

    pub async fn job(&self, id: &str) -> Result<pb::Job, RpcError> {
        let request = pb::GetJobRequest {
            scope: all(),
            job_id: id.to_owned(),
        };
        self.call::<sim_rpc::GetJob>(request)
            .await
            .map(|answer| answer.job.expect("a job"))
    }

    /// The job once it is over.
    pub async fn ended(&self, id: &str) -> pb::Job {
        eventually("the job ends", || async {
            let job = self.job(id).await?;
            ensure!(job.finished_at.is_some(), "{job:?}");
            Ok(job)
        })
        .await
    }

    pub async fn run_job(&self, work: Work) -> (pb::Job, Vec<pb::JobResult>) {
        let job = self.start_job(work).await;
        let job = self.ended(&job.id).await;
        let results = self.results(&job.id).await;
        (job, results)
    }

    pub async fn results(&self, id: &str) -> Vec<pb::JobResult> {
        let mut results = Vec::new();
        let mut request = pb::JobResultsRequest {
            scope: all(),
            job_id: id.to_owned(),
            page_size: 1_000,
            ..Default::default()
        };
        loop {
            let page = self
                .call::<sim_rpc::JobResults>(request.clone())
                .await
                .expect("results");
            results.extend(page.results);
            if page.next_cursor.is_empty() {
                return results;
            }
            request.cursor = page.next_cursor;
        }
    }

    pub async fn control_job(&self, id: &str, action: &str) -> Result<pb::Job, RpcError> {
        let request = pb::ControlJobRequest {
            scope: all(),
            job_id: id.to_owned(),
            action: action.to_owned(),
            ..Default::default()
        };
        self.call::<sim_rpc::ControlJob>(request)
            .await
            .map(|answer| answer.job.expect("a job"))
    }

    /// Calls that the emulator has received, by method.
    pub async fn calls_of(&self, method: &str) -> Vec<once_emulator::CallRecord> {
        let filter = CallFilter {
            method: Some(method.to_owned()),
            ..CallFilter::default()
        };
        self.control().calls(&filter).await.expect("calls")
    }

    pub async fn iccids(&self) -> Vec<String> {
        self.all().await.into_iter().map(|sim| sim.iccid).collect()
    }
}

/// How many results have each outcome, in the order of the words.
pub fn outcomes(results: &[pb::JobResult]) -> Vec<(String, usize)> {
    let mut counts = std::collections::BTreeMap::new();
    for result in results {
        *counts.entry(result.outcome.clone()).or_insert(0) += 1;
    }
    counts.into_iter().collect()
}
