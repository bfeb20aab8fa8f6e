use std::collections::BTreeMap;
use std::sync::MutexGuard;
use std::time::Duration;

use domain::Scope;
use messages::ErrorCode;
use messages::pb::common::Scope as WireScope;
use messages::pb::sim::{
    AccountReadiness, AccountSync, CapabilityReadiness, GenerationReadiness, GetSimResponse, ListSimsRequest,
    ListSimsResponse, ProviderLogin, ProviderReadinessResponse, ProviderTask, ProviderWarning, Sim,
    StartSyncRequest, StartSyncResponse, SyncRun, SyncStatusResponse, UpdateSimRequest, UpdateSimResponse,
};
use messages::sim_rpc::{self, SimService};
use service_runtime::bus::{Bus, RpcError};
use service_runtime::shutdown::Shutdown;
use test_support::{FakeService, Memory, SharedMemory};

use crate::fake_fleet;
use crate::fake_jobs::{self, Jobs};

/// What the fake knows and was asked.
#[derive(Default)]
pub struct State {
    pub sims: BTreeMap<String, Sim>,
    pub gets: usize,
    pub refreshes: usize,
    pub lists: Vec<ListSimsRequest>,
    pub updates: Vec<UpdateSimRequest>,
    pub starts: Vec<StartSyncRequest>,
    pub counts: Vec<messages::pb::sim::FleetCountsRequest>,
    /// The most SIMs in one answer, as when they are large.
    pub answer_limit: Option<usize>,
    /// The page behind this ICCID cannot be read.
    pub lost_behind: Option<String>,
}

/// A sim-service that answers over NATS from memory.
pub struct FakeSims {
    state: SharedMemory<State>,
    jobs: SharedMemory<Jobs>,
    shutdown: Shutdown,
}

impl FakeSims {
    pub async fn start(bus: &Bus) -> Self {
        let (state, jobs) = (SharedMemory::default(), SharedMemory::default());
        let fake = serve(FakeService::new(bus), &state);
        let shutdown = fake_jobs::serve(fake, &jobs).start().await;
        Self {
            state,
            jobs,
            shutdown,
        }
    }

    pub fn state(&self) -> MutexGuard<'_, Memory<State>> {
        self.state.lock().unwrap()
    }

    pub fn jobs(&self) -> MutexGuard<'_, Memory<Jobs>> {
        self.jobs.lock().unwrap()
    }

    /// Stores a SIM without telling anybody.
    pub fn put(&self, sim: Sim) {
        self.state().sims.insert(sim.iccid.clone(), sim);
    }

    /// Leaves the bus.
    pub async fn stop(&self) {
        assert!(self.shutdown.finish(Duration::from_secs(5)).await);
    }
}

fn serve(fake: FakeService<SimService>, state: &SharedMemory<State>) -> FakeService<SimService> {
    let fake = fake
        .on(state, sim_rpc::GetSim, |state, request| {
            state.gets += 1;
            state.refreshes += usize::from(request.refresh);
            Ok(GetSimResponse {
                sim: Some(find(state, &request.iccid, request.scope.as_ref())?),
            })
        })
        .on(state, sim_rpc::ListSims, |state, request| {
            if state.lost_behind.as_ref() == Some(&request.cursor) {
                return Err(RpcError::internal(&"the store broke"));
            }
            let answer = page(state, &request);
            state.lists.push(request);
            Ok(answer)
        })
        .on(state, sim_rpc::UpdateSim, |state, request| {
            let mut sim = find(state, &request.iccid, request.scope.as_ref())?;
            sim.revision += 1;
            if request.label.is_some() {
                sim.label = request.label.clone();
            }
            state.sims.insert(sim.iccid.clone(), sim.clone());
            state.updates.push(request);
            Ok(UpdateSimResponse { sim: Some(sim) })
        });
    fake.on(state, sim_rpc::StartSync, |state, request| {
        state.starts.push(request);
        Ok(StartSyncResponse {
            runs: vec![run("queued")],
        })
    })
    .on(state, sim_rpc::SyncStatus, |_, _| {
        let account = AccountSync {
            account: "main".into(),
            running: Some(run("running")),
            warnings: vec![ProviderWarning {
                code: "v1_ends".into(),
                sentence: "API v1 ends.".into(),
            }],
            ..Default::default()
        };
        Ok(SyncStatusResponse {
            accounts: vec![account],
        })
    })
    .on(state, sim_rpc::ProviderReadiness, |_, _| {
        Ok(ProviderReadinessResponse {
            accounts: vec![readiness()],
        })
    })
    .on(state, sim_rpc::FleetCounts, |state, request| {
        let answer = fake_fleet::counted(&request);
        state.counts.push(request);
        Ok(answer)
    })
}

/// All SIMs by number; the cursor is the number of the last one.
fn page(state: &State, request: &ListSimsRequest) -> ListSimsResponse {
    let size = request.page_size as usize;
    let before = match request.cursor.as_str() {
        "" => (request.page as usize - 1) * size,
        last => state.sims.keys().filter(|iccid| iccid.as_str() <= last).count(),
    };
    let left: Vec<&Sim> = state.sims.values().skip(before).collect();
    let taken = left.len().min(size).min(state.answer_limit.unwrap_or(size));
    let sims: Vec<Sim> = left[..taken].iter().map(|sim| (*sim).clone()).collect();
    ListSimsResponse {
        total: state.sims.len() as u64,
        has_next: taken < left.len(),
        next_cursor: sims.last().map(|sim| sim.iccid.clone()).unwrap_or_default(),
        sims,
        ..Default::default()
    }
}

/// Whose data a request may touch.
pub fn seen(scope: Option<&WireScope>) -> Scope {
    Scope::try_from(scope.cloned().unwrap()).unwrap()
}

fn find(state: &State, iccid: &str, scope: Option<&WireScope>) -> Result<Sim, RpcError> {
    let found = state.sims.get(iccid).filter(|sim| match seen(scope) {
        Scope::All => true,
        Scope::Organization(id) => sim.organization_id == id.to_string(),
    });
    found
        .cloned()
        .ok_or_else(|| RpcError::new(ErrorCode::NotFound, "the SIM does not exist"))
}

fn readiness() -> AccountReadiness {
    AccountReadiness {
        account: "main".into(),
        v1_ends_on: "2026-12-31".into(),
        days_left: 12,
        needs_v1: true,
        summary: "v1 ends.".into(),
        login: Some(ProviderLogin {
            result: "ok".into(),
            sentence: "It works.".into(),
            at: None,
        }),
        generations: vec![GenerationReadiness {
            generation: "v1".into(),
            state: "alive".into(),
            sentence: "v1 lists SIMs.".into(),
            ..Default::default()
        }],
        capabilities: vec![CapabilityReadiness {
            capability: "limits".into(),
            in_v2: "unknown".into(),
            outlook: "unavailable".into(),
            sentence: "Nobody offers it.".into(),
            instead: "Use the portal.".into(),
            ..Default::default()
        }],
        tasks: vec![ProviderTask {
            task: "own_programs".into(),
            state: "check".into(),
            sentence: "Look at them.".into(),
        }],
        ..Default::default()
    }
}

fn run(state: &str) -> SyncRun {
    SyncRun {
        id: "run-1".into(),
        account: "main".into(),
        state: state.into(),
        ..Default::default()
    }
}
