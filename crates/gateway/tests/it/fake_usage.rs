use std::sync::{Arc, Mutex, MutexGuard};

use messages::pb::usage as pb;
use messages::{RpcMethod, usage_rpc};
use service_runtime::bus::{Bus, RpcError, RpcServer};
use service_runtime::health::Health;
use service_runtime::metrics::Metrics;
use service_runtime::shutdown::Shutdown;

/// What the fake was asked, and what it answers.
#[derive(Default)]
pub struct State {
    pub sim_usage: Vec<pb::SimUsageRequest>,
    pub summaries: Vec<pb::UsageSummaryRequest>,
    pub tops: Vec<pb::TopUsageRequest>,
    pub exports: Vec<pb::ExportUsageRequest>,
    pub events: Vec<pb::SimEventsRequest>,
    pub differences: Vec<pb::DifferencesRequest>,
    pub replays: Vec<pb::ReplayRejectsRequest>,
    pub syncs: Vec<pb::StartUsageSyncRequest>,
    pub periods: Vec<pb::UsagePeriod>,
    /// Pages of the export.
    pub pages: Vec<Vec<pb::DailyUsage>>,
    /// This one cannot be read.
    pub lost_page: Option<usize>,
    pub rejects: Vec<pb::Reject>,
    /// Answered instead of everything else.
    pub error: Option<RpcError>,
}

/// A usage-ingestor that answers over NATS from memory.
pub struct FakeUsage {
    state: Arc<Mutex<State>>,
    _server: RpcServer,
}

impl FakeUsage {
    pub async fn start(bus: &Bus) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let metrics = Metrics::new().unwrap();
        let server = RpcServer::start(bus, "usage", Health::new("usage"), metrics, Shutdown::new())
            .await
            .unwrap();
        serve(&server, &state).await;
        bus.client().flush().await.unwrap();
        Self {
            state,
            _server: server,
        }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

async fn method<M: RpcMethod + 'static>(
    server: &RpcServer,
    state: &Arc<Mutex<State>>,
    method: M,
    answer: impl Fn(&mut State, M::Request) -> M::Response + Send + Sync + 'static,
) {
    let own = Arc::clone(state);
    let answer = Arc::new(answer);
    let handler = move |request, _| {
        let mut state = own.lock().unwrap();
        let outcome = match &state.error {
            Some(error) => Err(error.clone()),
            None => Ok(answer(&mut state, request)),
        };
        async move { outcome }
    };
    server.method(method, handler).await.unwrap();
}

async fn serve(server: &RpcServer, state: &Arc<Mutex<State>>) {
    method(server, state, usage_rpc::SimUsage, |state, request| {
        state.sim_usage.push(request);
        pb::SimUsageResponse {
            periods: state.periods.clone(),
        }
    })
    .await;
    method(server, state, usage_rpc::UsageSummary, |state, request| {
        state.summaries.push(request);
        let group = |key: &str, total| pb::UsageGroup {
            key: key.to_owned(),
            name: "Germany".to_owned(),
            total,
            ..pb::UsageGroup::default()
        };
        pb::UsageSummaryResponse {
            sum: Some(group("", 30)),
            groups: vec![group("262", 20)],
            groups_are_cut: false,
        }
    })
    .await;
    method(server, state, usage_rpc::TopUsage, |state, request| {
        state.tops.push(request);
        let sim = pb::TopSim {
            iccid: crate::harness::ICCID.to_owned(),
            total: 9,
            ..pb::TopSim::default()
        };
        pb::TopUsageResponse { sims: vec![sim] }
    })
    .await;
    method(server, state, usage_rpc::Differences, |state, request| {
        state.differences.push(request);
        pb::DifferencesResponse {
            days: vec![pb::DayDifference {
                api_total: 5000,
                ..pb::DayDifference::default()
            }],
            next_cursor: "more".to_owned(),
        }
    })
    .await;
    method(server, state, usage_rpc::SimEvents, |state, request| {
        state.events.push(request);
        pb::SimEventsResponse {
            events: vec![pb::SimEvent {
                id: "800000019".to_owned(),
                event_data_json: r#"{"quota":{"id":9}}"#.to_owned(),
                ..pb::SimEvent::default()
            }],
            next_cursor: String::new(),
        }
    })
    .await;
    serve_ingest(server, state).await;
    crate::fake_fleet::serve_now(server, state).await;
}

async fn serve_ingest(server: &RpcServer, state: &Arc<Mutex<State>>) {
    let own = Arc::clone(state);
    let export = move |request: pb::ExportUsageRequest, _| {
        let mut state = own.lock().unwrap();
        let page: usize = request.cursor.parse().unwrap_or(0);
        state.exports.push(request);
        let outcome = if state.lost_page == Some(page) {
            Err(RpcError::internal(&"the store broke"))
        } else {
            Ok(pb::ExportUsageResponse {
                rows: state.pages.get(page).cloned().unwrap_or_default(),
                next_cursor: match page + 1 {
                    next if next < state.pages.len() => next.to_string(),
                    _ => String::new(),
                },
            })
        };
        async move { outcome }
    };
    server.method(usage_rpc::ExportUsage, export).await.unwrap();
    method(server, state, usage_rpc::IngestStatus, |_, _| {
        pb::IngestStatusResponse {
            batches_waiting: 3,
            ..pb::IngestStatusResponse::default()
        }
    })
    .await;
    method(server, state, usage_rpc::ListRejects, |state, _| {
        pb::ListRejectsResponse {
            rejects: state.rejects.clone(),
            next_cursor: String::new(),
        }
    })
    .await;
    method(server, state, usage_rpc::ReplayRejects, |state, request| {
        state.replays.push(request);
        pb::ReplayRejectsResponse {
            accepted: 1,
            rejected: 2,
        }
    })
    .await;
    method(server, state, usage_rpc::StartUsageSync, |state, request| {
        state.syncs.push(request);
        pb::StartUsageSyncResponse { sims_queued: 7 }
    })
    .await;
}
