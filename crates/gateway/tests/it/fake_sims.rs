use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use messages::pb::common::Scope;
use messages::pb::sim::{
    AccountSync, GetSimResponse, ListSimsRequest, ListSimsResponse, Sim, StartSyncRequest, StartSyncResponse,
    SyncRun, SyncStatusResponse, UpdateSimRequest, UpdateSimResponse,
};
use messages::{ErrorCode, sim_rpc};
use service_runtime::bus::{Bus, RpcError, RpcServer};
use service_runtime::health::Health;
use service_runtime::metrics::Metrics;
use service_runtime::shutdown::Shutdown;

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
    /// Answered instead of everything else.
    pub error: Option<RpcError>,
}

/// A sim-service that answers over NATS from memory.
pub struct FakeSims {
    state: Arc<Mutex<State>>,
    jobs: Arc<Mutex<Jobs>>,
    shutdown: Shutdown,
    _server: RpcServer,
}

impl FakeSims {
    pub async fn start(bus: &Bus) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let (shutdown, metrics) = (Shutdown::new(), Metrics::new().unwrap());
        let server = RpcServer::start(bus, "sim", Health::new("sim"), metrics, shutdown.clone())
            .await
            .unwrap();
        serve(&server, &state).await;
        let jobs = Arc::default();
        fake_jobs::serve(&server, &jobs).await;
        bus.client().flush().await.unwrap();
        Self {
            state,
            jobs,
            shutdown,
            _server: server,
        }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn jobs(&self) -> MutexGuard<'_, Jobs> {
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

async fn serve(server: &RpcServer, state: &Arc<Mutex<State>>) {
    let own = Arc::clone(state);
    let get = move |request: messages::pb::sim::GetSimRequest, _| {
        let outcome = with(&own, |state| {
            state.gets += 1;
            state.refreshes += usize::from(request.refresh);
            Ok(GetSimResponse {
                sim: Some(find(state, &request.iccid, request.scope.as_ref())?),
            })
        });
        async move { outcome }
    };
    server.method(sim_rpc::GetSim, get).await.unwrap();
    let own = Arc::clone(state);
    let list = move |request: ListSimsRequest, _| {
        let outcome = with(&own, |state| {
            if state.lost_behind.as_ref() == Some(&request.cursor) {
                return Err(RpcError::internal(&"the store broke"));
            }
            let answer = page(state, &request);
            state.lists.push(request);
            Ok(answer)
        });
        async move { outcome }
    };
    server.method(sim_rpc::ListSims, list).await.unwrap();
    let own = Arc::clone(state);
    let update = move |request: UpdateSimRequest, _| {
        let outcome = with(&own, |state| {
            let mut sim = find(state, &request.iccid, request.scope.as_ref())?;
            sim.revision += 1;
            if request.label.is_some() {
                sim.label = request.label.clone();
            }
            state.sims.insert(sim.iccid.clone(), sim.clone());
            state.updates.push(request);
            Ok(UpdateSimResponse { sim: Some(sim) })
        });
        async move { outcome }
    };
    server.method(sim_rpc::UpdateSim, update).await.unwrap();
    serve_syncs(server, state).await;
    crate::fake_fleet::serve_counts(server, state).await;
}

async fn serve_syncs(server: &RpcServer, state: &Arc<Mutex<State>>) {
    let own = Arc::clone(state);
    let start = move |request: StartSyncRequest, _| {
        let outcome = with(&own, |state| {
            state.starts.push(request);
            Ok(StartSyncResponse {
                runs: vec![run("queued")],
            })
        });
        async move { outcome }
    };
    server.method(sim_rpc::StartSync, start).await.unwrap();
    let own = Arc::clone(state);
    let status = move |_, _| {
        let outcome = with(&own, |_| {
            let account = AccountSync {
                account: "main".into(),
                running: Some(run("running")),
                ..Default::default()
            };
            Ok(SyncStatusResponse {
                accounts: vec![account],
            })
        });
        async move { outcome }
    };
    server.method(sim_rpc::SyncStatus, status).await.unwrap();
}

fn with<T>(
    state: &Mutex<State>,
    work: impl FnOnce(&mut State) -> Result<T, RpcError>,
) -> Result<T, RpcError> {
    let mut state = state.lock().unwrap();
    match &state.error {
        Some(error) => Err(error.clone()),
        None => work(&mut state),
    }
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

fn find(state: &State, iccid: &str, scope: Option<&Scope>) -> Result<Sim, RpcError> {
    let wanted = scope
        .map(|scope| scope.organization_id.as_str())
        .unwrap_or_default();
    let found = state
        .sims
        .get(iccid)
        .filter(|sim| wanted.is_empty() || sim.organization_id == wanted);
    found
        .cloned()
        .ok_or_else(|| RpcError::new(ErrorCode::NotFound, "the SIM does not exist"))
}

fn run(state: &str) -> SyncRun {
    SyncRun {
        id: "run-1".into(),
        account: "main".into(),
        state: state.into(),
        ..Default::default()
    }
}
