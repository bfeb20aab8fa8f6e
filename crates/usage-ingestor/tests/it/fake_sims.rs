use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use messages::pb::sim::{DiscoverRequest, DiscoverResponse, Member, MembersRequest, MembersResponse};
use messages::sim_rpc;
use service_runtime::bus::{Bus, RpcServer};
use service_runtime::health::Health;
use service_runtime::metrics::Metrics;
use service_runtime::shutdown::Shutdown;

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
    pub state: Arc<Mutex<State>>,
    _server: RpcServer,
}

impl FakeSims {
    pub async fn start(bus: &Bus) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let (shutdown, metrics) = (Shutdown::new(), Metrics::new().unwrap());
        let server = RpcServer::start(bus, "sim", Health::new("sim"), metrics, shutdown)
            .await
            .unwrap();
        let own = Arc::clone(&state);
        let members = move |request: MembersRequest, _| {
            let answer = page(&mut own.lock().unwrap(), &request);
            async move { Ok(answer) }
        };
        server.method(sim_rpc::Members, members).await.unwrap();
        let own = Arc::clone(&state);
        let discover = move |request: DiscoverRequest, _| {
            let mut state = own.lock().unwrap();
            let found = |iccid: &String| state.findable.get(iccid).cloned();
            let known: Vec<Member> = request.iccids.iter().filter_map(found).collect();
            let looked_for = (request.iccids.len() - known.len()) as u32;
            state.wanted.extend(request.iccids);
            async move { Ok(DiscoverResponse { known, looked_for }) }
        };
        server.method(sim_rpc::Discover, discover).await.unwrap();
        bus.client().flush().await.unwrap();
        Self {
            state,
            _server: server,
        }
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
