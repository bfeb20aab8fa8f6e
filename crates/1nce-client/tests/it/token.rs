//! One token for all processes, fetched by one at a time, and a bad login that does not hammer.

use std::time::Duration;

use deadpool_redis::redis;
use futures_util::future::join_all;
use once_client::{ClientError, Generations, Lane, OnceClient};

use crate::support::{CLIENT_ID, World, eventually, pool, recorder, redis_url};

const LANE: Lane = Lane::Interactive;

#[tokio::test]
async fn many_processes_and_callers_fetch_one_token() {
    let world = World::unlimited().await;
    let clients: Vec<_> = (0..5).map(|_| world.only(Generations::V2Only)).collect();
    let calls = clients
        .iter()
        .flat_map(|client| (0..8).map(move |_| client.list_sims(LANE, 1, 1)));
    for result in join_all(calls).await {
        result.unwrap();
    }
    assert_eq!(world.token_calls().await, 1);
}

#[tokio::test]
async fn a_revoked_token_is_replaced_once_for_everybody() {
    let world = World::unlimited().await;
    let clients: Vec<_> = (0..3).map(|_| world.only(Generations::V2Only)).collect();
    // Fetched by another process: a token that this one got from 1NCE a moment ago would not be asked for again.
    world.only(Generations::V2Only).login().await.unwrap();
    for client in &clients {
        client.list_sims(LANE, 1, 1).await.unwrap();
    }
    world.control.revoke_tokens().await.unwrap();
    let calls = clients
        .iter()
        .flat_map(|client| (0..5).map(move |_| client.list_sims(LANE, 1, 1)));
    for result in join_all(calls).await {
        result.unwrap();
    }
    assert_eq!(world.token_calls().await, 2);
}

#[tokio::test]
async fn a_second_401_is_an_error_and_not_a_loop() {
    let world = World::unlimited().await;
    let client = world.only(Generations::V2Only);
    let fault = once_emulator::Fault::new(once_emulator::FaultKind::Status, "/v2/sims")
        .status(401, once_emulator::FaultBody::Json);
    world.control.faults_add(&fault).await.unwrap();
    for _ in 0..5 {
        let error = client.list_sims(LANE, 1, 1).await.unwrap_err();
        assert!(matches!(error, ClientError::Unauthorized { .. }), "{error:?}");
    }
    let tokens = world.token_calls().await;
    assert!(tokens <= 3, "{tokens} token calls for five refused calls");
}

#[tokio::test]
async fn a_refused_login_is_one_clear_error_for_a_thousand_callers() {
    let world = World::unlimited().await;
    let bad = |config: &mut once_client::ClientConfig| {
        config.client_secret = "wrong".into();
        config.generations = Generations::V2Only;
    };
    let clients = [world.client_with(bad), world.client_with(bad)];
    let calls = clients
        .iter()
        .flat_map(|client| (0..500).map(move |_| client.list_sims(LANE, 1, 1)));
    for result in join_all(calls).await {
        let error = result.unwrap_err();
        assert!(!error.is_retryable());
        let ClientError::Login(failure) = error else {
            panic!("{error:?}")
        };
        assert_eq!((failure.refused, failure.status), (true, Some(400)));
        assert!(failure.code.is_some());
    }
    assert_eq!(world.token_calls().await, 1, "both processes know after one try");
    let error = clients[0].login().await.unwrap_err();
    assert!(matches!(error, ClientError::Login(_)), "{error:?}");
    assert_eq!(world.token_calls().await, 2, "a forced login does ask");
}

#[tokio::test]
async fn a_token_that_only_shrinks_is_not_asked_for_in_a_loop() {
    let world = World::unlimited().await;
    let client = world.only(Generations::V2Only);
    assert_eq!(client.login().await.unwrap().expires_in.as_secs(), 3_600);
    world.control.advance_time(3_500).await.unwrap();
    let left = client.login().await.unwrap().expires_in.as_secs();
    assert!(left <= 100, "the same token, {left} s left");
    for _ in 0..20 {
        client.list_sims(LANE, 1, 1).await.unwrap();
    }
    assert_eq!(world.token_calls().await, 2);
}

#[tokio::test]
async fn an_old_token_is_refreshed_before_it_dies_and_the_old_one_serves_meanwhile() {
    let world = World::unlimited().await;
    let client = world.client_with(|config| {
        config.generations = Generations::V2Only;
        config.token_refresh_distance = Duration::from_millis(100);
    });
    client.login().await.unwrap();
    world.control.advance_time(3_500).await.unwrap();
    client.login().await.unwrap();
    eventually("an early refresh", async || {
        client.list_sims(LANE, 1, 1).await.unwrap();
        world.token_calls().await >= 3
    })
    .await;
}

#[tokio::test]
async fn the_last_seconds_of_a_token_are_used_without_a_loop() {
    let world = World::unlimited().await;
    world.only(Generations::V2Only).login().await.unwrap();
    world.control.advance_time(3_597).await.unwrap();
    let client = world.client_with(|config| {
        config.generations = Generations::V2Only;
        config.key_prefix += "-other";
    });
    client.login().await.unwrap();
    for _ in 0..10 {
        client.list_sims(LANE, 1, 1).await.unwrap();
    }
    let asked = world.token_calls().await;
    assert!(asked <= 4, "{asked} token calls");
}

#[tokio::test]
async fn without_redis_the_process_keeps_its_own_token() {
    let world = World::unlimited().await;
    let mut config = world.config();
    config.generations = Generations::V2Only;
    let client = OnceClient::new(config, None, recorder()).unwrap();
    let calls = (0..10).map(|_| client.list_sims(LANE, 1, 1));
    assert!(join_all(calls).await.iter().all(Result::is_ok));
    assert_eq!(world.token_calls().await, 1);
    assert!(!client.login().await.unwrap().shared);
}

#[tokio::test]
async fn a_failing_token_endpoint_is_retryable_and_nothing_was_sent() {
    let world = World::unlimited().await;
    let client = world.only(Generations::V2Only);
    let fault = once_emulator::Fault::new(once_emulator::FaultKind::Status, "/oauth/token")
        .status(502, once_emulator::FaultBody::Html);
    world.control.faults_add(&fault).await.unwrap();
    let error = client.list_sims(LANE, 1, 1).await.unwrap_err();
    assert!(error.is_retryable() && error.nothing_sent(), "{error:?}");
    world.control.faults_clear().await.unwrap();
    eventually("the next login works", async || {
        client.list_sims(LANE, 1, 1).await.is_ok()
    })
    .await;
}

#[tokio::test]
async fn nobody_fetches_while_another_process_does() {
    let world = World::unlimited().await;
    let client = world.client_with(|config| {
        config.generations = Generations::V2Only;
        config.token_refresh_distance = Duration::from_millis(100);
    });
    client.login().await.unwrap();
    world.control.advance_time(3_500).await.unwrap();
    client.login().await.unwrap();
    let key = world.key(&format!("token:{CLIENT_ID}"));
    let (lock, early) = (format!("{key}:lock"), format!("{key}:early"));
    let mut connection = pool(&redis_url()).get().await.unwrap();
    // Another process replaces the token after a 401, for longer than this test lasts.
    redis::cmd("SET")
        .arg(&[&lock, "another process"])
        .query_async::<()>(&mut connection)
        .await
        .unwrap();

    let login = tokio::spawn({
        let client = client.clone();
        async move { client.login().await }
    });
    let refresher = world.client_with(|config| {
        config.generations = Generations::V2Only;
        config.token_refresh_distance = Duration::from_millis(100);
    });
    eventually("an early refresh is tried", async || {
        refresher.list_sims(LANE, 1, 1).await.unwrap();
        exists(&early).await
    })
    .await;
    for _ in 0..20 {
        refresher.list_sims(LANE, 1, 1).await.unwrap();
    }

    assert_eq!(world.token_calls().await, 2, "none beside the other process");
    redis::cmd("DEL")
        .arg(&lock)
        .query_async::<()>(&mut connection)
        .await
        .unwrap();
    assert!(login.await.unwrap().is_ok());
}

#[tokio::test]
async fn a_caller_waits_for_a_token_no_longer_than_its_lane() {
    let world = World::unlimited().await;
    let hanging = once_emulator::Fault::new(once_emulator::FaultKind::Delay, "/oauth/token").delay_ms(60_000);
    world.control.faults_add(&hanging).await.unwrap();
    let client = world.client_with(|config| {
        config.generations = Generations::V2Only;
        config.lane_max_wait[0] = Some(Duration::from_millis(200));
    });
    let error = client.list_sims(LANE, 1, 1).await.unwrap_err();
    assert!(matches!(error, ClientError::Login(_)), "{error:?}");
    assert!(error.nothing_sent() && error.is_retryable());
    assert_eq!(world.token_calls().await, 1, "the repeats wait for the same one");
}

async fn exists(key: &str) -> bool {
    let mut connection = pool(&redis_url()).get().await.unwrap();
    redis::cmd("EXISTS")
        .arg(key)
        .query_async(&mut connection)
        .await
        .unwrap()
}
