use std::time::Duration;

use anyhow::ensure;
use async_nats::HeaderMap;
use messages::ErrorCode;
use service_runtime::bus::{Tick, publish_ticks};
use service_runtime::shutdown::Shutdown;
use test_support::{Scope, Stack, eventually};

use crate::calls::Service;

/// More than the client keeps for a server that is away.
const TOO_MANY: usize = 5_000;

#[tokio::test]
async fn while_nats_is_away_a_call_is_refused_and_never_carried_out() {
    let stack = Stack::up();
    let scope = Scope::on_stack(&stack).await;
    let service = Service::start(&scope.runtime_config().nats, 0).await;
    service.change("before").await.unwrap();

    stack.kill("nats").await;
    eventually("the loss is seen", || async {
        ensure!(service.caller.check().is_err());
        Ok(())
    })
    .await;
    let refused = service.change("while away").await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::Unavailable);

    stack.start("nats").await;
    eventually("calls go through again", || async {
        Ok(service.change("after").await?)
    })
    .await;
    assert!(
        !service.changes().contains(&"while away".to_owned()),
        "{:?}",
        service.changes()
    );
}

#[tokio::test]
async fn the_end_is_not_held_up_by_a_nats_that_is_away() {
    let stack = Stack::up();
    let scope = Scope::on_stack(&stack).await;
    let service = Service::start(&scope.runtime_config().nats, 0).await;
    let bus = service.caller.clone();
    stack.kill("nats").await;
    eventually("the loss is seen", || async {
        ensure!(bus.check().is_err());
        Ok(())
    })
    .await;
    let client = bus.client().clone();
    let filled = tokio::spawn(async move {
        for _ in 0..TOO_MANY {
            let headers = HeaderMap::new();
            client
                .publish_with_headers("anything", headers, "".into())
                .await
                .unwrap();
        }
    });

    let shutdown = Shutdown::new();
    let tick = Tick {
        job: "test",
        period: Duration::from_secs(1),
    };
    shutdown.spawn(publish_ticks(bus.clone(), tick, shutdown.clone()));
    assert_eq!(
        service.change("while full").await.unwrap_err().code,
        ErrorCode::Unavailable
    );
    assert!(
        shutdown.finish(Duration::from_secs(5)).await,
        "a tick holds it up"
    );
    assert!(!filled.is_finished(), "the queue was not full");
    filled.abort();
}
