use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_nats::HeaderMap;
use messages::pb::sim::{GetSimRequest, GetSimResponse, Sim, UpdateSimRequest, UpdateSimResponse};
use messages::{ErrorCode, sim_rpc};
use prost::Message;
use service_runtime::bus::{Bus, RpcError, RpcServer};
use service_runtime::config::NatsConfig;
use service_runtime::health::Health;
use service_runtime::metrics::Metrics;
use service_runtime::shutdown::Shutdown;
use test_support::Scope;

pub const DEADLINE: Duration = Duration::from_secs(10);

/// A sim-service that remembers the ICCIDs of the changes it was asked for.
pub struct Service {
    pub caller: Bus,
    pub metrics: Metrics,
    changes: Arc<Mutex<Vec<String>>>,
    _server: RpcServer,
}

impl Service {
    /// Its answer to `get` carries a label of `label_bytes`.
    pub async fn start(nats: &NatsConfig, label_bytes: usize) -> Self {
        let metrics = Metrics::new().unwrap();
        let bus = Bus::connect(nats, "service").await.unwrap();
        let server = RpcServer::start(&bus, "sim", Health::new("sim"), metrics.clone(), Shutdown::new())
            .await
            .unwrap();
        let changes = Arc::<Mutex<Vec<String>>>::default();
        let seen = Arc::clone(&changes);
        let update = move |request: UpdateSimRequest, _| {
            seen.lock().unwrap().push(request.iccid);
            async { Ok(UpdateSimResponse::default()) }
        };
        server.action(sim_rpc::UpdateSim, update).await.unwrap();
        let get = move |_, _| async move {
            let label = Some("x".repeat(label_bytes));
            let sim = Some(Sim {
                label,
                ..Sim::default()
            });
            Ok(GetSimResponse { sim })
        };
        server.method(sim_rpc::GetSim, get).await.unwrap();
        Self {
            caller: Bus::connect(nats, "caller").await.unwrap(),
            metrics,
            changes,
            _server: server,
        }
    }

    /// Asks for a change.
    pub async fn change(&self, iccid: &str) -> Result<UpdateSimResponse, RpcError> {
        let request = change_of(iccid);
        self.caller
            .call::<sim_rpc::UpdateSim>(&request, DEADLINE, "")
            .await
    }

    /// The changes that were carried out.
    pub fn changes(&self) -> Vec<String> {
        self.changes.lock().unwrap().clone()
    }
}

fn change_of(iccid: &str) -> UpdateSimRequest {
    UpdateSimRequest {
        iccid: iccid.to_owned(),
        ..UpdateSimRequest::default()
    }
}

#[tokio::test]
async fn a_call_that_arrives_long_after_its_caller_gave_up_is_not_carried_out() {
    let scope = Scope::new().await;
    let service = Service::start(&scope.runtime_config().nats, 0).await;
    let client = service.caller.client();

    let mut headers = HeaderMap::new();
    headers.insert("simward-deadline-ms", "10000");
    headers.insert("simward-expires-ms", "1700000000000");
    let subject = service.caller.subjects().rpc("sim", "update");
    let payload = change_of("late").encode_to_vec().into();
    client
        .publish_with_reply_and_headers(subject, client.new_inbox(), headers, payload)
        .await
        .unwrap();

    // Calls of one connection arrive in order.
    service.change("in time").await.unwrap();
    assert_eq!(service.changes(), ["in time"]);
    let refused = r#"simward_rpc_refused_total{service="sim",method="update",reason="expired"} 1"#;
    assert!(
        service.metrics.render().contains(refused),
        "{}",
        service.metrics.render()
    );
}

#[tokio::test]
async fn an_answer_that_is_too_large_for_nats_is_an_error_and_no_silence() {
    let scope = Scope::new().await;
    let nats = scope.runtime_config().nats;
    let limit = Bus::connect(&nats, "test").await.unwrap().client().max_payload();
    let service = Service::start(&nats, limit).await;

    let request = GetSimRequest::default();
    let answer = service
        .caller
        .call::<sim_rpc::GetSim>(&request, DEADLINE, "")
        .await;

    assert_eq!(answer.unwrap_err().code, ErrorCode::Internal);
}
