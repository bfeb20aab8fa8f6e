//! While 1NCE fails, people are told at once, sweeps wait, and one probe at a time knocks.

use std::time::Duration;

use once_client::{BreakerState, ClientError, Generations, Lane, OnceClient};
use once_emulator::{Fault, FaultKind};

use crate::support::{World, eventually};

async fn opened(pause: Duration) -> (World, OnceClient) {
    let world = World::unlimited().await;
    let client = world.client_with(|config| {
        config.generations = Generations::V2Only;
        config.breaker_min_pause = pause;
        config.breaker_max_pause = pause * 2;
    });
    client.list_sims(Lane::Interactive, 1, 1).await.unwrap();
    world
        .control
        .faults_add(&Fault::new(FaultKind::Down, "/v2/sims"))
        .await
        .unwrap();
    for _ in 0..4 {
        client.list_sims(Lane::Interactive, 1, 1).await.unwrap_err();
    }
    (world, client)
}

#[tokio::test]
async fn an_open_breaker_answers_people_at_once_and_spares_1nce() {
    let (world, client) = opened(Duration::from_secs(30)).await;
    assert!(matches!(client.breaker_state(), BreakerState::Open(_)));
    let error = client.list_sims(Lane::Interactive, 1, 1).await.unwrap_err();
    assert!(matches!(error, ClientError::CircuitOpen { .. }), "{error:?}");
    let after_opening = world.calls("GET", "/v2/sims").await.len();
    assert_eq!(after_opening, 1 + 8, "eight failures open it");
}

#[tokio::test]
async fn a_sweep_waits_for_the_end_of_the_outage_and_then_goes_on() {
    let (world, client) = opened(Duration::from_millis(300)).await;
    let sweep = tokio::spawn({
        let client = client.clone();
        async move { client.list_sims(Lane::Background, 1, 1).await }
    });
    eventually("a probe knocks", async || {
        world.calls("GET", "/v2/sims").await.len() > 9
    })
    .await;
    assert!(!sweep.is_finished());
    world.control.faults_clear().await.unwrap();
    assert!(sweep.await.unwrap().is_ok());
    assert_eq!(client.breaker_state(), BreakerState::Closed);
}

#[tokio::test]
async fn refusals_prove_that_1nce_works() {
    let world = World::unlimited().await;
    let client = world.only(Generations::V2Only);
    let fault = Fault::new(FaultKind::Status, "/v2/sims").status(400, once_emulator::FaultBody::Json);
    world.control.faults_add(&fault).await.unwrap();
    for _ in 0..20 {
        client.list_sims(Lane::Interactive, 1, 1).await.unwrap_err();
    }
    assert_eq!(client.breaker_state(), BreakerState::Closed);
}

#[tokio::test]
async fn failing_orders_leave_the_way_to_the_sims_open() {
    let world = World::unlimited().await;
    let client = world.only(Generations::V2Only);
    let down = Fault::new(FaultKind::Down, "/v1/orders");
    world.control.faults_add(&down).await.unwrap();
    for _ in 0..4 {
        client.list_orders(Lane::Interactive, 1, true).await.unwrap_err();
    }

    let orders = client.list_orders(Lane::Interactive, 1, true).await;
    let sims = client.list_sims(Lane::Interactive, 1, 1).await;

    assert!(
        matches!(orders, Err(ClientError::CircuitOpen { .. })),
        "{orders:?}"
    );
    assert!(sims.is_ok(), "{sims:?}");
    assert_eq!(client.breaker_state(), BreakerState::Closed);
}

#[tokio::test]
async fn a_failing_v1_leaves_the_way_to_v2_open() {
    let world = World::unlimited().await;
    let client = world.client();
    client.get_limits(Lane::Interactive).await.unwrap();
    let down = Fault::new(FaultKind::Down, "/v1/sims");
    world.control.faults_add(&down).await.unwrap();
    for _ in 0..4 {
        client.get_limits(Lane::Interactive).await.unwrap_err();
    }

    let limits = client.get_limits(Lane::Interactive).await;
    let sims = client.list_sims(Lane::Interactive, 1, 1).await;

    assert!(
        matches!(limits, Err(ClientError::CircuitOpen { .. })),
        "{limits:?}"
    );
    assert!(sims.is_ok(), "{sims:?}");
    assert!(matches!(client.breaker_state(), BreakerState::Open(_)));
}
