use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_nats::HeaderMap;
use messages::pb::sim::{GetSimRequest, GetSimResponse, Sim, UpdateSimRequest, UpdateSimResponse};
use messages::sim_rpc::{self, SimService};
use messages::{ErrorCode, RpcService};
use prost::Message;
use service_runtime::bus::{Bus, BusError, RpcContext, RpcError, RpcServer};
use service_runtime::config::NatsConfig;
use service_runtime::health::Health;
use service_runtime::metrics::Metrics;
use service_runtime::shutdown::Shutdown;
use test_support::Scope;
use tokio::sync::Semaphore;

pub const DEADLINE: Duration = Duration::from_secs(10);

/// A sim-service that remembers the ICCIDs of the changes it was asked for.
pub struct Service {
    pub caller: Bus,
    pub metrics: Metrics,
    changes: Changes,
}

type Changes = Arc<Mutex<Vec<String>>>;

fn server(bus: &Bus, metrics: &Metrics, changes: &Changes) -> RpcServer<SimService, Changes> {
    let health = Health::new("sim");
    RpcServer::new(bus, changes.clone(), health, metrics.clone(), Shutdown::new())
}

async fn update(changes: Changes, request: UpdateSimRequest) -> Result<UpdateSimResponse, RpcError> {
    changes.lock().unwrap().push(request.iccid);
    Ok(UpdateSimResponse::default())
}

impl Service {
    /// Its answer to `get` carries a label of `label_bytes`.
    pub async fn start(nats: &NatsConfig, label_bytes: usize) -> Self {
        let metrics = Metrics::new().unwrap();
        let bus = Bus::connect(nats, "service").await.unwrap();
        let changes = Changes::default();
        let get = move |_: Changes, _: GetSimRequest| async move {
            let label = Some("x".repeat(label_bytes));
            let sim = Some(Sim {
                label,
                ..Sim::default()
            });
            Ok::<_, RpcError>(GetSimResponse { sim })
        };
        let mut rpc = server(&bus, &metrics, &changes);
        rpc.action(sim_rpc::UpdateSim, update)
            .method(sim_rpc::GetSim, get);
        rpc.start_partly().await.unwrap();
        Self {
            caller: Bus::connect(nats, "caller").await.unwrap(),
            metrics,
            changes,
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

#[tokio::test]
async fn a_service_that_does_not_serve_each_declared_method_once_does_not_start() {
    let scope = Scope::new().await;
    let bus = Bus::connect(&scope.runtime_config().nats, "service")
        .await
        .unwrap();
    let (metrics, changes) = (Metrics::new().unwrap(), Changes::default());

    let mut lacking = server(&bus, &metrics, &changes);
    lacking.method(sim_rpc::UpdateSim, update);
    let Err(BusError::Unserved { methods, .. }) = lacking.start().await else {
        panic!("started");
    };
    for declared in SimService::METHODS {
        let served = ["health", "update"].contains(declared);
        assert_eq!(
            methods.split(", ").any(|method| method == *declared),
            !served,
            "{methods}"
        );
    }

    let mut doubled = server(&bus, &metrics, &changes);
    doubled
        .method(sim_rpc::UpdateSim, update)
        .action(sim_rpc::UpdateSim, update);
    let Err(BusError::Unserved { methods, .. }) = doubled.start().await else {
        panic!("started");
    };
    assert!(methods.contains("update"), "{methods}");
}

#[tokio::test]
async fn a_handler_that_asks_for_it_knows_its_caller() {
    async fn update(
        changes: Changes,
        _: UpdateSimRequest,
        context: RpcContext,
    ) -> Result<UpdateSimResponse, RpcError> {
        changes.lock().unwrap().push(context.request_id);
        Ok(UpdateSimResponse::default())
    }
    let scope = Scope::new().await;
    let nats = scope.runtime_config().nats;
    let bus = Bus::connect(&nats, "service").await.unwrap();
    let (metrics, changes) = (Metrics::new().unwrap(), Changes::default());
    let mut rpc = server(&bus, &metrics, &changes);
    rpc.method(sim_rpc::UpdateSim, update);
    rpc.start_partly().await.unwrap();

    let request = UpdateSimRequest::default();
    let answer = bus.call::<sim_rpc::UpdateSim>(&request, DEADLINE, "r-17").await;

    assert_eq!(answer, Ok(UpdateSimResponse::default()));
    assert_eq!(*changes.lock().unwrap(), ["r-17"]);
}

/// Reads at work now, and the most that there were.
#[derive(Clone, Default)]
struct Reads {
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

#[tokio::test]
async fn reads_wait_until_the_service_can_work_on_them() {
    let scope = Scope::new().await;
    let nats = scope.runtime_config().nats;
    let bus = Bus::connect(&nats, "service").await.unwrap();
    let (reads, asked) = (Reads::default(), bus.clone());
    let get = move |reads: Reads, _: GetSimRequest| {
        let bus = asked.clone();
        async move {
            let now = reads.now.fetch_add(1, Ordering::SeqCst) + 1;
            reads.most.fetch_max(now, Ordering::SeqCst);
            // The others come meanwhile.
            bus.client().flush().await.unwrap();
            reads.now.fetch_sub(1, Ordering::SeqCst);
            Ok::<_, RpcError>(GetSimResponse::default())
        }
    };
    let metrics = Metrics::new().unwrap();
    let server = RpcServer::new(&bus, reads.clone(), Health::new("sim"), metrics, Shutdown::new());
    let mut rpc: RpcServer<SimService, Reads> = server.reading_at_most(2);
    rpc.method(sim_rpc::GetSim, get);
    rpc.start_partly().await.unwrap();
    let caller = Bus::connect(&nats, "caller").await.unwrap();

    let request = GetSimRequest::default();
    let calls = (0..50).map(|_| caller.call::<sim_rpc::GetSim>(&request, DEADLINE, ""));
    for answer in futures_util::future::join_all(calls).await {
        answer.unwrap();
    }

    let most = reads.most.load(Ordering::SeqCst);
    assert!((1..=2).contains(&most), "{most}");
}

#[tokio::test]
async fn no_read_waits_behind_an_action_or_a_read_that_waits_for_others() {
    let scope = Scope::new().await;
    let nats = scope.runtime_config().nats;
    let bus = Bus::connect(&nats, "service").await.unwrap();
    let (provider, began) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let waits = (Arc::clone(&provider), Arc::clone(&began));
    let get = move |(), request: GetSimRequest, context: RpcContext| {
        let (provider, began) = waits.clone();
        async move {
            if request.refresh {
                context.waits_for_others().await?;
                began.add_permits(1);
                let _answer = provider.acquire().await;
            }
            Ok::<_, RpcError>(GetSimResponse::default())
        }
    };
    let waits = (Arc::clone(&provider), Arc::clone(&began));
    let update = move |(), _: UpdateSimRequest| {
        let (provider, began) = waits.clone();
        async move {
            began.add_permits(1);
            let _answer = provider.acquire().await;
            Ok::<_, RpcError>(UpdateSimResponse::default())
        }
    };
    let metrics = Metrics::new().unwrap();
    let server = RpcServer::new(&bus, (), Health::new("sim"), metrics, Shutdown::new());
    let mut rpc: RpcServer<SimService, ()> = server.reading_at_most(1);
    rpc.method(sim_rpc::GetSim, get)
        .action(sim_rpc::UpdateSim, update);
    rpc.start_partly().await.unwrap();
    let caller = Bus::connect(&nats, "caller").await.unwrap();
    let get = |refresh| {
        let (caller, request) = (
            caller.clone(),
            GetSimRequest {
                refresh,
                ..GetSimRequest::default()
            },
        );
        async move { caller.call::<sim_rpc::GetSim>(&request, DEADLINE, "").await }
    };

    let slow = tokio::spawn(get(true));
    let other = caller.clone();
    let action = tokio::spawn(async move {
        other
            .call::<sim_rpc::UpdateSim>(&change_of("1"), DEADLINE, "")
            .await
    });
    began.acquire_many(2).await.unwrap().forget();
    get(false).await.unwrap();

    provider.add_permits(2);
    slow.await.unwrap().unwrap();
    action.await.unwrap().unwrap();
}
