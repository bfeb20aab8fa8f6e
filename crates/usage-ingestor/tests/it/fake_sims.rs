use std::collections::BTreeMap;

use messages::pb::sim::{DiscoverResponse, Member, MembersRequest, MembersResponse};
use messages::sim_rpc;
use service_runtime::bus::Bus;
use test_support::{FakeService, SharedMemory};

/// What the fake knows and was asked.
#[derive(Default)]
pub struct State {
    /// What pages of the inventory hold.
    pub members: BTreeMap<String, Member>,
    /// What questions for unknown SIMs find.
    pub findable: BTreeMap<String, Member>,
    /// Pages that were asked for.
    pub pages: usize,
    /// SIMs that were asked for.
    pub wanted: Vec<String>,
}

/// A sim-service that answers over NATS from memory.
pub struct FakeSims {
    pub state: SharedMemory<State>,
}

impl FakeSims {
    pub async fn start(bus: &Bus) -> Self {
        let state = SharedMemory::default();
        FakeService::new(bus)
            .on(&state, sim_rpc::Members, |state, request| {
                Ok(page(state, &request))
            })
            .on(&state, sim_rpc::Discover, |state: &mut State, request| {
                let found = |iccid: &String| state.findable.get(iccid).cloned();
                let known: Vec<Member> = request.iccids.iter().filter_map(found).collect();
                let looked_for = (request.iccids.len() - known.len()) as u32;
                state.wanted.extend(request.iccids);
                Ok(DiscoverResponse { known, looked_for })
            })
            .start()
            .await;
        Self { state }
    }

    /// Lists a SIM without telling anybody.
    pub fn put(&self, member: Member) {
        let mut state = self.state.lock().unwrap();
        state.members.insert(member.iccid.clone(), member);
    }
}

/// Two members at a time, so that small fleets have several pages.
fn page(state: &mut State, request: &MembersRequest) -> MembersResponse {
    state.pages += 1;
    let behind = state.members.values();
    let behind: Vec<_> = behind
        .filter(|member| member.iccid > request.after_iccid)
        .collect();
    MembersResponse {
        members: behind.iter().take(2).map(|member| (*member).clone()).collect(),
        has_next: behind.len() > 2,
    }
}
