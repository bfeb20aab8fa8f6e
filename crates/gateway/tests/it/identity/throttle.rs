use futures_util::future::join_all;
use serde_json::json;

use crate::harness::{App, World};
use crate::people::PASSWORD;

#[tokio::test(flavor = "multi_thread")]
async fn ten_failures_at_once_or_in_turn_close_an_account_on_every_replica() {
    let app = App::start().await;
    app.world.admin("ada", None).await;
    app.world.admin("bob", None).await;
    let replica = app.world.start(app.world.gateway_config()).await;
    // Whether the account exists makes no difference.
    for name in ["ada", "nobody"] {
        let guesses = (0..15).map(|at| {
            let gateway = if at % 2 == 0 { &app.gateway } else { &replica };
            gateway.try_login(name, "wrong password")
        });
        let mut statuses: Vec<u16> = join_all(guesses)
            .await
            .iter()
            .map(|answer| answer.status)
            .collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [&[401; 10][..], &[429; 5]].concat(), "{name}");
    }
    for gateway in [&app.gateway, &replica] {
        let answer = gateway.try_login("ADA", PASSWORD).await.expect(429);
        assert_eq!(answer.code(), "RATE_LIMIT_EXCEEDED");
        let wait: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=900).contains(&wait), "{wait}");
    }
    app.gateway.try_login("bob", PASSWORD).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_success_clears_the_account() {
    let app = App::start().await;
    app.world.admin("ada", None).await;
    for _ in 0..3 {
        for _ in 0..9 {
            app.gateway.try_login("ada", "wrong password").await.expect(401);
        }
        app.gateway.try_login("ada", PASSWORD).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_failures_close_a_client_address_whatever_the_names() {
    let app = App::start().await;
    app.world.admin("ada", None).await;
    for at in 0..50 {
        app.gateway
            .try_login(&format!("user-{at}"), "wrong password")
            .await
            .expect(401);
    }
    app.gateway.try_login("ada", PASSWORD).await.expect(429);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_each_process_counts_for_itself() {
    let mut world = World::new().await;
    world.config.redis.url = "redis://127.0.0.1:1".to_owned().into();
    world.admin("ada", None).await;
    let gateway = world.start(world.gateway_config()).await;
    for _ in 0..9 {
        gateway.try_login("ada", "wrong password").await.expect(401);
    }
    gateway.try_login("ada", PASSWORD).await.expect(200);
    for _ in 0..10 {
        gateway.try_login("ada", "wrong password").await.expect(401);
    }
    let answer = gateway.try_login("ada", PASSWORD).await.expect(429);
    assert!(answer.headers.contains_key("retry-after"));
    assert_eq!(
        world.audited("session.login_failed").await.len(),
        1,
        "one row a minute"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_own_password_is_not_guessed_at_leisure() {
    let app = App::start().await;
    app.world.admin("ada", None).await;
    let token = app.gateway.login("ada").await.access;
    let body = |current: &str| json!({ "current_password": current, "new_password": "another pass phrase" });
    let path = "/api/v1/auth/password";
    for _ in 0..10 {
        app.gateway
            .ask("PUT", path, &token, body("wrong password"))
            .await
            .expect(422);
    }
    app.gateway
        .ask("PUT", path, &token, body(PASSWORD))
        .await
        .expect(429);
    app.gateway.try_login("ada", PASSWORD).await.expect(200);
}
