//! The capability map: v2 first, v1 while it lives, and the day on which v1 goes.

use std::time::Duration;

use deadpool_redis::redis;
use domain::{Iccid, SimStatus};
use once_client::model::{BulkOutcome, PaymentMethod};
use once_client::{BreakerState, Capability, ClientError, Generation, Generations, Lane, Offer, SimUpdate};
use once_emulator::{Fault, FaultBody, FaultKind};
use serde_json::json;

use crate::support::{World, eventually, pool, redis_url, today};

const LANE: Lane = Lane::Interactive;

#[tokio::test]
async fn v2_goes_first_and_the_question_is_asked_once_for_all_processes() {
    let world = World::unlimited().await;
    let (one, two) = (world.client(), world.client());
    let map = one.capabilities().await;
    assert!(map.probed);
    assert_eq!(map.offer(Capability::Sims), Offer::Via(Generation::V2));
    assert_eq!(map.offer(Capability::Limits), Offer::Via(Generation::V1));
    assert_eq!(two.capabilities().await, map);
    two.list_sims(LANE, 1, 10).await.unwrap();
    assert_eq!(world.calls("GET", "/v1/sims").await.len(), 1);
    assert_eq!(world.calls("GET", "/v2/sims").await.len(), 2);
}

#[tokio::test]
async fn without_v1_the_rest_goes_on_and_what_is_missing_is_told() {
    let world = World::unlimited().await;
    world.control.config(&json!({ "v1": "retired" })).await.unwrap();
    let missing = Fault::new(FaultKind::Status, "/v2/sims/topup$").status(404, FaultBody::Html);
    world.control.faults_add(&missing).await.unwrap();
    let client = world.client();
    let iccids = world.iccids(&client, 2).await;
    let refused = client.bulk_top_up(LANE, &iccids, PaymentMethod::default()).await;
    assert!(matches!(
        refused,
        Err(ClientError::CapabilityUnavailable {
            capability: Capability::BulkTopUp,
            ..
        })
    ));
    let update = |iccid| SimUpdate {
        status: Some(SimStatus::Disabled),
        ..SimUpdate::new(iccid)
    };
    let updates = [update(iccids[0]), update(iccids[1])];
    let BulkOutcome::OneByOne(outcomes) = client.bulk_update(LANE, &updates).await.unwrap() else {
        panic!("there is no bulk call left");
    };
    assert!(outcomes.iter().all(|(_, outcome)| outcome.is_ok()));
    assert!(!world.control.sim(&iccids[1].to_string()).await.unwrap().enabled);
}

#[tokio::test]
async fn usage_on_v2_is_found_out_by_the_first_call() {
    for exists in [true, false] {
        let world = World::unlimited().await;
        let settings = json!({ "v1": "retired", "v2_usage": exists });
        world.control.config(&settings).await.unwrap();
        let client = world.client();
        let iccid = world.iccids(&client, 1).await[0];
        let before = client.capabilities().await.offer(Capability::Usage);
        assert_eq!(before, Offer::Untried(Generation::V2));
        let today = today();
        let usage = client.usage(LANE, iccid, today, today).await;
        let after = world.client().capabilities().await.offer(Capability::Usage);
        if exists {
            assert!(usage.is_ok(), "{usage:?}");
            assert_eq!(after, Offer::Via(Generation::V2), "the other processes know");
        } else {
            assert!(
                matches!(usage, Err(ClientError::CapabilityUnavailable { .. })),
                "{usage:?}"
            );
            assert!(matches!(after, Offer::Unavailable(_)));
        }
    }
}

#[tokio::test]
async fn v1_may_go_while_we_run() {
    let world = World::unlimited().await;
    let client = world.client();
    client.get_limits(LANE).await.unwrap();
    let settings = json!({ "v1": "retired", "v1_retired_status": 410 });
    world.control.config(&settings).await.unwrap();
    let gone = client.get_limits(LANE).await;
    assert!(
        matches!(gone, Err(ClientError::CapabilityUnavailable { .. })),
        "{gone:?}"
    );
    assert!(client.list_sims(LANE, 1, 10).await.is_ok());
}

#[tokio::test]
async fn a_404_of_a_generation_that_is_gone_is_not_taken_for_a_missing_sim() {
    let world = World::unlimited().await;
    let first = world.client();
    let iccid = world.iccids(&first, 1).await[0];
    world.control.config(&json!({ "v2": "retired" })).await.unwrap();
    // Another process that knows from Redis that v2 lives, and has not seen it live itself.
    let second = world.client();
    let sim = second.get_sim(LANE, iccid).await.unwrap();
    assert_eq!(sim.unwrap().iccid, iccid, "read through v1");
}

#[tokio::test]
async fn a_configured_generation_is_not_asked_about() {
    let world = World::unlimited().await;
    let client = world.only(Generations::V2Only);
    client.list_sims(LANE, 1, 10).await.unwrap();
    assert!(world.calls("GET", "/v1/sims").await.is_empty());
    let refused = client.get_limits(LANE).await;
    assert!(matches!(refused, Err(ClientError::CapabilityUnavailable { .. })));
}

#[tokio::test]
async fn a_generation_that_fails_does_not_take_the_other_along() {
    for (broken, status) in [("/v1/", 503), ("/v2/", 503), ("/v1/", 403), ("/v2/", 403)] {
        let world = World::unlimited().await;
        let fault = Fault {
            status: Some(status),
            ..Fault::new(FaultKind::Status, broken)
        };
        world.control.faults_add(&fault).await.unwrap();
        let client = world.client_with(|config| config.breaker_threshold = 1);

        let page = client.list_sims(LANE, 1, 5).await.unwrap();

        assert_eq!(page.sims.len(), 5, "{broken} {status}");
        if status == 503 {
            let held_back = matches!(client.breaker_state(), BreakerState::Open(_));
            assert!(held_back, "{broken}: the failing generation is spared");
            let life = shared_life(&world).await;
            assert!((1..=60).contains(&life), "{broken}: believed for {life} s");
        }
        let living = if broken == "/v1/" {
            Generation::V2
        } else {
            Generation::V1
        };
        let offer = client.capabilities().await.offer(Capability::Sims);
        assert_eq!(offer, Offer::Via(living), "{broken} {status}");
    }
}

async fn shared_life(world: &World) -> i64 {
    let mut connection = pool(&redis_url()).get().await.unwrap();
    redis::cmd("TTL")
        .arg(world.key("generations"))
        .query_async(&mut connection)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_sweep_that_waits_for_1nce_holds_up_nobody() {
    let world = World::unlimited().await;
    let pause = Duration::from_secs(5);
    let client = world.client_with(|config| {
        config.breaker_threshold = 2;
        config.breaker_min_pause = pause;
        config.breaker_max_pause = pause;
    });
    for sims in ["/v1/sims", "/v2/sims"] {
        let down = Fault::new(FaultKind::Down, sims);
        world.control.faults_add(&down).await.unwrap();
    }
    client.list_sims(LANE, 1, 1).await.unwrap_err();
    assert!(matches!(client.breaker_state(), BreakerState::Open(_)));
    let sweep = tokio::spawn({
        let client = client.clone();
        async move { client.list_sims(Lane::Background, 1, 1).await }
    });
    tokio::task::yield_now().await;

    let answer = tokio::time::timeout(pause / 2, client.list_sims(LANE, 1, 1)).await;

    let answer = answer.expect("people wait behind a sweep");
    assert!(
        matches!(answer, Err(ClientError::CircuitOpen { .. })),
        "{answer:?}"
    );
    assert!(!sweep.is_finished());
    world.control.faults_clear().await.unwrap();
    assert!(sweep.await.unwrap().is_ok());
}

#[tokio::test]
async fn v1_may_go_with_a_403_too() {
    let world = World::unlimited().await;
    world.client().get_limits(LANE).await.unwrap();
    let refused = Fault {
        status: Some(403),
        ..Fault::new(FaultKind::Status, "/v1/sims")
    };
    world.control.faults_add(&refused).await.unwrap();
    // Another process that knows from Redis that v1 lives, and has not seen it live itself.
    let gone = world.client().get_limits(LANE).await;
    assert!(
        matches!(gone, Err(ClientError::CapabilityUnavailable { .. })),
        "{gone:?}"
    );
}

#[tokio::test]
async fn an_action_before_which_1nce_cannot_be_asked_was_not_sent() {
    let world = World::unlimited().await;
    let client = world.client();
    for sims in ["/v1/sims$", "/v2/sims$"] {
        let down = Fault::new(FaultKind::Down, sims);
        world.control.faults_add(&down).await.unwrap();
    }
    let error = client
        .top_up(LANE, card(), PaymentMethod::default())
        .await
        .unwrap_err();
    assert!(
        matches!(error, ClientError::CapabilityUnknown { .. }),
        "{error:?}"
    );
    assert!(error.nothing_sent() && error.is_retryable());
    assert!(world.calls("POST", "/topup").await.is_empty());
}

#[tokio::test]
async fn a_v1_that_fails_is_not_told_as_gone() {
    let world = World::unlimited().await;
    let failing = Fault {
        status: Some(503),
        ..Fault::new(FaultKind::Status, "/v1/sims")
    };
    world.control.faults_add(&failing).await.unwrap();
    let missing = Fault::new(FaultKind::Status, "/v2/sims/limits").status(404, FaultBody::Json);
    world.control.faults_add(&missing).await.unwrap();
    let client = world.client();
    let error = client.get_limits(LANE).await.unwrap_err();
    assert!(
        matches!(error, ClientError::CapabilityUnknown { .. }),
        "{error:?}"
    );
    assert!(error.nothing_sent() && error.is_retryable());
    assert!(client.list_sims(LANE, 1, 1).await.is_ok(), "v2 goes on");
}

#[tokio::test]
async fn what_a_generation_lacked_is_tried_again_after_a_time() {
    let world = World::unlimited().await;
    let settings = json!({ "v1": "retired", "v2_usage": false });
    world.control.config(&settings).await.unwrap();
    let client = world.client_with(|config| config.relearn_after = Duration::from_secs(2));
    let iccid = world.iccids(&client, 1).await[0];
    let today = today();
    client.usage(LANE, iccid, today, today).await.unwrap_err();
    world.control.config(&json!({ "v2_usage": true })).await.unwrap();
    let refused = client.usage(LANE, iccid, today, today).await;
    assert!(matches!(refused, Err(ClientError::CapabilityUnavailable { .. })));
    assert_eq!(
        world.calls("GET", "/usage").await.len(),
        1,
        "not asked while it is believed"
    );

    eventually("usage is tried again", async || {
        client.usage(LANE, iccid, today, today).await.is_ok()
    })
    .await;
}

#[tokio::test]
async fn what_was_known_serves_while_1nce_cannot_be_asked_again() {
    let world = World::unlimited().await;
    let iccid = world.iccids(&world.only(Generations::V2Only), 1).await[0];
    let mut connection = pool(&redis_url()).get().await.unwrap();
    redis::cmd("SET")
        .arg(world.key("generations"))
        .arg(
            r#"{"v1":{"state":"alive","since":"2026-07-15T12:00:00Z"},
                "v2":{"state":"alive","since":"2026-07-15T12:00:00Z"}}"#,
        )
        .arg("PX")
        .arg(1_000)
        .query_async::<()>(&mut connection)
        .await
        .unwrap();
    let client = world.client();
    client.get_sim(LANE, iccid).await.unwrap();
    for sims in ["/v1/sims$", "/v2/sims$"] {
        let down = Fault::new(FaultKind::Down, sims);
        world.control.faults_add(&down).await.unwrap();
    }
    eventually("1NCE is asked again, in vain", async || {
        client.get_sim(LANE, iccid).await.unwrap();
        world.calls("GET", "/v1/sims").await.len() >= 2
    })
    .await;
    assert!(client.get_sim(LANE, iccid).await.is_ok());
}

#[tokio::test]
async fn callers_that_give_up_first_do_not_hide_an_outage() {
    let world = World::unlimited().await;
    world.iccids(&world.only(Generations::V2Only), 1).await;
    for sims in ["/v1/sims", "/v2/sims"] {
        let hanging = Fault::new(FaultKind::Delay, sims).delay_ms(60_000);
        world.control.faults_add(&hanging).await.unwrap();
    }
    let client = world.client_with(|config| {
        config.lane_max_wait[0] = Some(Duration::from_millis(300));
        config.call_timeout = Duration::from_secs(1);
        config.breaker_threshold = 2;
    });
    let error = client.list_sims(LANE, 1, 1).await.unwrap_err();
    assert!(
        matches!(error, ClientError::CapabilityUnknown { .. }),
        "the budget has room: {error:?}"
    );
    eventually("calls are held back", async || {
        matches!(client.breaker_state(), BreakerState::Open(_))
    })
    .await;
}

fn card() -> Iccid {
    Iccid::parse("8988999000000000017").unwrap()
}

#[tokio::test]
async fn a_sim_that_v2_refuses_to_tell_of_is_not_absent_because_v1_does_not_know_it() {
    for mode in ["recorded", "spec"] {
        let world = World::unlimited().await;
        world
            .control
            .config(&json!({ "v2_only_from": 1, "mode": mode }))
            .await
            .unwrap();
        let client = world.client();
        let hidden = world.iccids(&client, 2).await[1];
        let forbidden =
            Fault::new(FaultKind::Status, &format!("/v2/sims/{hidden}$")).status(403, FaultBody::Json);
        world.control.faults_add(&forbidden).await.unwrap();

        let answer = client.get_sim(LANE, hidden).await;

        assert!(
            matches!(answer, Err(ClientError::Rejected { status: 403, .. })),
            "{mode}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn a_sim_is_not_absent_because_v1_does_not_know_it_while_a_page_stands_before_v2() {
    let world = World::unlimited().await;
    let iccid = world.iccids(&world.client(), 2).await[1];
    world.control.config(&json!({ "v2_only_from": 1 })).await.unwrap();
    let page = Fault::new(FaultKind::Status, "/v2/").status(200, FaultBody::Html);
    world.control.faults_add(&page).await.unwrap();
    let client = world.client();
    client.list_sims(LANE, 1, 10).await.unwrap();

    let answer = client.get_sim(LANE, iccid).await;

    assert!(
        matches!(answer, Err(ClientError::CapabilityUnknown { .. })),
        "{answer:?}"
    );
}
