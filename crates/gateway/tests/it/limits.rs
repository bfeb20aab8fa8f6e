use std::collections::BTreeMap;

use chrono::{Timelike, Utc};
use deadpool_redis::redis::cmd;
use futures_util::future::join_all;
use gateway::Permission;
use gateway::keys::NewKey;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::harness::{Answer, App, Gateway, ICCID, World, path, send, sim};

impl World {
    async fn limited_key(&self, per_minute: i32, per_hour: i32) -> String {
        let new = NewKey {
            rate_limit_per_minute: per_minute,
            rate_limit_per_hour: per_hour,
            ..NewKey::new("test", vec![Permission::ReadSims])
        };
        self.key(new).await.key.expose_secret().to_owned()
    }
}

/// How many of these requests had which status, 32 at once in turn at each gateway.
async fn statuses(gateways: &[Gateway], key: &str, requests: usize) -> BTreeMap<u16, usize> {
    let lane = |lane: usize| async move {
        let mut seen = Vec::new();
        for n in (lane..requests).step_by(32) {
            let answer = gateways[n % gateways.len()].get(&path(ICCID), key).await;
            seen.push(answer.status);
        }
        seen
    };
    let mut counts = BTreeMap::new();
    for status in join_all((0..32).map(lane)).await.into_iter().flatten() {
        *counts.entry(status).or_default() += 1;
    }
    counts
}

fn number(answer: &Answer, header: &str) -> u64 {
    let value = answer.headers.get(header);
    let value = value.unwrap_or_else(|| panic!("{header} is missing: {}", answer.text));
    value.to_str().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_gateways_grant_a_key_its_limit_together_and_never_more() {
    let world = World::new().await;
    world.sims.put(sim(ICCID, 1, "pump"));
    let gateways = [
        world.start(world.gateway_config()).await,
        world.start(world.gateway_config()).await,
    ];
    let key = world.limited_key(100_000, 2000).await;

    let began = Utc::now();
    let seen = statuses(&gateways, &key, 3001).await;
    let ended = Utc::now();

    // Of the hour before counts what the window still covers: when an hour ends meanwhile, that part is free again.
    let passed = usize::try_from((ended - began).num_seconds() + 1).unwrap();
    let freed = if began.hour() == ended.hour() {
        0
    } else {
        (2000 * passed).div_ceil(3600)
    };
    let granted = seen[&200];
    assert!((1900..=2000 + freed).contains(&granted), "{seen:?}");
    assert_eq!(granted + seen[&429], 3001, "{seen:?}");
    let text = gateways[0].shared.metrics.render();
    assert!(
        text.contains("simward_rate_limited_total{by=\"caller\"}"),
        "{text}"
    );
    assert!(
        text.contains("simward_rate_grants_total{from=\"redis\"}"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_a_gateway_counts_the_whole_limit_alone() {
    let mut world = World::new().await;
    world.config.redis.url = "redis://127.0.0.1:1".to_owned().into();
    world.sims.put(sim(ICCID, 1, "pump"));
    let gateway = world.start(world.gateway_config()).await;
    let key = world.limited_key(100_000, 300).await;

    let seen = statuses(std::slice::from_ref(&gateway), &key, 400).await;

    assert_eq!(seen, BTreeMap::from([(200, 300), (429, 100)]));
    let text = gateway.shared.metrics.render();
    assert!(text.contains("simward_rate_redis_failures_total"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_of_the_api_tells_what_is_left() {
    let app = App::start().await;
    app.world.sims.put(sim(ICCID, 1, "pump"));
    let key = app.world.limited_key(100_000, 6).await;
    let gateway = &app.gateway;
    let asked = [
        (path(ICCID), 200, 5),
        ("/api/v1/ingest/status".to_owned(), 403, 4),
        (path("8988999000000000025"), 404, 3),
        ("/api/v1/sims?page_size=0".to_owned(), 422, 2),
    ];
    for (path, status, left) in asked {
        let answer = gateway.get(&path, &key).await.expect(status);
        assert_eq!(number(&answer, "x-ratelimit-limit"), 6, "{path}");
        assert_eq!(number(&answer, "x-ratelimit-remaining"), left, "{path}");
        assert!(
            (1..=3600).contains(&number(&answer, "x-ratelimit-reset")),
            "{path}"
        );
    }
    gateway.get(&path(ICCID), &key).await.expect(200);
    gateway.get(&path(ICCID), &key).await.expect(200);
    let answer = gateway.get(&path(ICCID), &key).await.expect(429);
    assert_eq!(answer.code(), "RATE_LIMIT_EXCEEDED");
    assert_eq!(number(&answer, "x-ratelimit-remaining"), 0);
    assert!(number(&answer, "retry-after") > 0);

    let unauthenticated = [
        send(gateway.request("GET", &path(ICCID))).await.expect(401),
        gateway.get("/api/v1/nothing", &key).await.expect(404),
        send(gateway.request("DELETE", &path(ICCID))).await.expect(405),
    ];
    for answer in unauthenticated {
        assert_eq!(number(&answer, "x-ratelimit-limit"), 100_000);
        assert!(number(&answer, "x-ratelimit-remaining") < 100_000);
    }
    let health = gateway.get("/health/live", &key).await.expect(200);
    assert!(!health.headers.contains_key("x-ratelimit-limit"));
    let refused = send(gateway.request("POST", "/health/live")).await.expect(405);
    assert!(!refused.headers.contains_key("x-ratelimit-limit"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_comes_back_with_an_older_state_grants_nothing_twice() {
    let app = App::start().await;
    app.world.sims.put(sim(ICCID, 1, "pump"));
    let key = app.world.limited_key(100_000, 40).await;
    let gateways = std::slice::from_ref(&app.gateway);
    let mut redis = app.gateway.shared.redis.clone().unwrap().get().await.unwrap();
    assert_eq!(statuses(gateways, &key, 4).await, BTreeMap::from([(200, 4)]));
    let pattern = format!("{}:rate:*", app.world.config.redis.prefix);
    let names: Vec<String> = cmd("KEYS").arg(pattern).query_async(&mut redis).await.unwrap();
    let [name] = names.as_slice() else {
        panic!("{names:?}")
    };
    let older: Vec<u8> = cmd("DUMP").arg(name).query_async(&mut redis).await.unwrap();
    assert_eq!(statuses(gateways, &key, 16).await, BTreeMap::from([(200, 16)]));

    let restored = cmd("RESTORE")
        .arg(name)
        .arg(0)
        .arg(older)
        .arg("REPLACE")
        .query_async::<()>(&mut redis)
        .await;
    restored.unwrap();
    let seen = statuses(gateways, &key, 60).await;

    assert!(seen[&200] <= 20, "{seen:?}");
    assert!(seen[&429] >= 40, "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_without_good_credentials_is_held_back_and_never_a_good_key() {
    let app = App::start_with(|config| {
        config.limits.unauthenticated_per_minute = 5;
        config.limits.trusted_proxies = "127.0.0.0/8".to_owned().try_into().unwrap();
    })
    .await;
    app.world.sims.put(sim(ICCID, 1, "pump"));
    let key = app.world.key_for(&[Permission::Admin], None).await;
    let from = |address: &str, key: &str| {
        let request = app.gateway.request("PUT", &path(ICCID));
        let request = request.header("X-Forwarded-For", format!("6.6.6.6, {address}"));
        send(request.header("X-API-Key", key).json(&json!({ "label": "x" })))
    };
    for _ in 0..5 {
        let answer = from("203.0.113.9", "nonsense").await.expect(401);
        assert_eq!(answer.code(), "INVALID_API_KEY");
    }
    let answer = from("203.0.113.9", "nonsense").await.expect(429);
    assert_eq!(answer.code(), "RATE_LIMIT_EXCEEDED");
    assert!(number(&answer, "retry-after") > 0);
    from("203.0.113.10", "nonsense").await.expect(401);
    from("203.0.113.9", &key).await.expect(200);
    let seen: Option<String> =
        sqlx::query_scalar("SELECT remote_addr FROM audit_log WHERE action = 'sim.update'")
            .fetch_one(app.world.db.pool())
            .await
            .unwrap();
    assert_eq!(seen.as_deref(), Some("203.0.113.9"));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_wrong_keys_cost_no_look_into_the_database() {
    let app = App::start_with(|config| {
        config.keys.key_ttl_ms = 600_000;
        // The clients share two cores with the server and everything else.
        config.listen.head_timeout_ms = 600_000;
    })
    .await;
    app.world.sims.put(sim(ICCID, 1, "pump"));
    let key = app.world.key_for(&[Permission::ReadSims], None).await;
    app.gateway.get(&path(ICCID), &key).await.expect(200);
    let hide = "ALTER TABLE gateway.api_keys RENAME TO hidden";
    app.world.as_owner(hide).await.unwrap();

    let gateway = &app.gateway;
    let wrong = (0..2000).map(|n| async move {
        let made_up = format!("sw_{n:0>8}_{n:0>43}");
        gateway.get(&path(ICCID), &made_up).await
    });
    let mut wrong = std::pin::pin!(join_all(wrong));
    let (mut good, address) = (0, path(ICCID));
    let wrong = loop {
        tokio::select! {
            answers = &mut wrong => break answers,
            answer = gateway.get(&address, &key) => {
                answer.expect(200);
                good += 1;
            }
        }
    };

    assert!(good > 0, "the good key waited for all wrong ones");
    for answer in wrong {
        assert_eq!(answer.expect(401).code(), "INVALID_API_KEY");
    }
}

#[test]
fn every_route_documents_its_limits_and_every_post_its_key() {
    let document: Value = serde_json::from_str(&gateway::openapi().to_json().unwrap()).unwrap();
    let mut posts = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let limited = &operation["responses"]["429"];
            assert_eq!(limited.is_object(), path.starts_with("/api/"), "{method} {path}");
            if limited.is_object() {
                for header in [
                    "Retry-After",
                    "X-RateLimit-Limit",
                    "X-RateLimit-Remaining",
                    "X-RateLimit-Reset",
                ] {
                    assert!(limited["headers"][header].is_object(), "{method} {path} {header}");
                }
            }
            // Pausing twice is pausing; a login answers for the moment.
            let plain = ["/auth/", "/pause", "/resume"]
                .iter()
                .any(|part| path.contains(part));
            if method == "post" && path.starts_with("/api/") && !plain {
                let parameters = operation["parameters"].as_array().unwrap();
                assert!(
                    parameters.iter().any(|known| known["name"] == "Idempotency-Key"),
                    "{path}"
                );
                posts += 1;
            }
        }
    }
    assert!(posts >= 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_reader_cannot_spend_what_1nce_grants_to_all() {
    let app = App::start_with(|config| config.limits.refreshes_per_minute = 2).await;
    app.world.sims.put(sim(ICCID, 1, "pump"));
    let key = app.world.key_for(&[Permission::ReadSims], None).await;
    let refresh = format!("{}?refresh=true", path(ICCID));
    for _ in 0..2 {
        app.gateway.get(&refresh, &key).await.expect(200);
    }

    let refused = app.gateway.get(&refresh, &key).await.expect(429);

    assert!(number(&refused, "retry-after") > 0);
    assert_eq!(app.world.sims.state().refreshes, 2);
    app.gateway.get(&path(ICCID), &key).await.expect(200);
}
