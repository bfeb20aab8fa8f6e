use std::sync::MutexGuard;

use messages::pb::usage as pb;
use messages::usage_rpc::{self, UsageService};
use service_runtime::bus::{Bus, RpcError};
use test_support::{FakeService, Memory, SharedMemory};

use crate::fake_fleet;

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
}

/// A usage-ingestor that answers over NATS from memory.
pub struct FakeUsage {
    state: SharedMemory<State>,
}

impl FakeUsage {
    pub async fn start(bus: &Bus) -> Self {
        let state = SharedMemory::default();
        let fake = asked(FakeService::new(bus), &state);
        let fake = ingested(fake, &state);
        fake.on(&state, usage_rpc::FleetNow, |_, _| Ok(fake_fleet::now()))
            .start()
            .await;
        Self { state }
    }

    pub fn state(&self) -> MutexGuard<'_, Memory<State>> {
        self.state.lock().unwrap()
    }
}

type Fake = FakeService<UsageService>;

fn asked(fake: Fake, state: &SharedMemory<State>) -> Fake {
    fake.on(state, usage_rpc::SimUsage, |state, request| {
        state.sim_usage.push(request);
        Ok(pb::SimUsageResponse {
            periods: state.periods.clone(),
        })
    })
    .on(state, usage_rpc::UsageSummary, |state, request| {
        state.summaries.push(request);
        let group = |key: &str, total| pb::UsageGroup {
            key: key.to_owned(),
            name: "Germany".to_owned(),
            total,
            ..pb::UsageGroup::default()
        };
        Ok(pb::UsageSummaryResponse {
            sum: Some(group("", 30)),
            groups: vec![group("262", 20)],
            groups_are_cut: false,
        })
    })
    .on(state, usage_rpc::TopUsage, |state, request| {
        state.tops.push(request);
        let sim = pb::TopSim {
            iccid: crate::harness::ICCID.to_owned(),
            total: 9,
            ..pb::TopSim::default()
        };
        Ok(pb::TopUsageResponse { sims: vec![sim] })
    })
    .on(state, usage_rpc::Differences, |state, request| {
        state.differences.push(request);
        Ok(pb::DifferencesResponse {
            days: vec![pb::DayDifference {
                api_total: 5000,
                ..pb::DayDifference::default()
            }],
            next_cursor: "more".to_owned(),
        })
    })
    .on(state, usage_rpc::SimEvents, |state, request| {
        state.events.push(request);
        Ok(pb::SimEventsResponse {
            events: vec![pb::SimEvent {
                id: "800000019".to_owned(),
                event_data_json: r#"{"quota":{"id":9}}"#.to_owned(),
                ..pb::SimEvent::default()
            }],
            next_cursor: String::new(),
        })
    })
}

fn ingested(fake: Fake, state: &SharedMemory<State>) -> Fake {
    fake.on(state, usage_rpc::ExportUsage, |state, request| {
        let page: usize = request.cursor.parse().unwrap_or(0);
        state.exports.push(request);
        if state.lost_page == Some(page) {
            return Err(RpcError::internal(&"the store broke"));
        }
        Ok(pb::ExportUsageResponse {
            rows: state.pages.get(page).cloned().unwrap_or_default(),
            next_cursor: match page + 1 {
                next if next < state.pages.len() => next.to_string(),
                _ => String::new(),
            },
        })
    })
    .on(state, usage_rpc::IngestStatus, |_, _| {
        Ok(pb::IngestStatusResponse {
            batches_waiting: 3,
            api_readings: Some(pb::ApiReadings {
                shadow: Some(pb::ShadowReading {
                    outcome: "differs".into(),
                    ..pb::ShadowReading::default()
                }),
                ..pb::ApiReadings::default()
            }),
            ..pb::IngestStatusResponse::default()
        })
    })
    .on(state, usage_rpc::ListRejects, |state, _| {
        Ok(pb::ListRejectsResponse {
            rejects: state.rejects.clone(),
            next_cursor: String::new(),
        })
    })
    .on(state, usage_rpc::ReplayRejects, |state, request| {
        state.replays.push(request);
        Ok(pb::ReplayRejectsResponse {
            accepted: 1,
            rejected: 2,
        })
    })
    .on(state, usage_rpc::StartUsageSync, |state, request| {
        state.syncs.push(request);
        Ok(pb::StartUsageSyncResponse { sims_queued: 7 })
    })
}
