use once_emulator::EmulatorConfig;
use serde_json::json;
use tests_e2e::{Caller, Sandbox};

#[tokio::test(flavor = "multi_thread")]
async fn replicas_share_the_limit_of_a_key_and_say_what_is_left() {
    let mut sandbox = Sandbox::start(EmulatorConfig::default().with_fleet(3).without_limits(), &[]).await;
    sandbox.add_process().await;
    sandbox.sync().await;
    let admin = Caller::with_key(&sandbox.simward().url, &sandbox.simward().key);
    let wanted = json!({
        "name": "meter", "scopes": ["read:sims"], "rate_limit_per_minute": 60, "rate_limit_per_hour": 1000,
    });
    let made = admin
        .ask("POST", "/api/v1/api-keys", wanted)
        .await
        .unwrap()
        .expect(201)
        .unwrap();
    let meter = Caller::with_key("", made.data()["key"].as_str().unwrap());
    let meters: Vec<Caller> = sandbox
        .processes
        .iter()
        .map(|process| meter.at(&process.url))
        .collect();

    let (mut served, mut refused) = (0, 0);
    for turn in 0..100 {
        let reply = meters[turn % 2].get("/api/v1/sims").await.unwrap();
        assert_eq!(reply.number("x-ratelimit-limit").unwrap(), 60);
        let left = reply.number("x-ratelimit-remaining").unwrap();
        match reply.status {
            200 => served += 1,
            429 => {
                refused += 1;
                assert_eq!(
                    (left, reply.body["error"]["code"].as_str()),
                    (0, Some("RATE_LIMIT_EXCEEDED"))
                );
                assert!((1..=60).contains(&reply.number("retry-after").unwrap()));
            }
            other => panic!("{other}: {}", reply.text),
        }
    }
    // A slow machine may see a second window begin.
    assert!(
        (57..=100).contains(&served) && served + refused == 100,
        "{served} served, {refused} refused"
    );
    assert_eq!(
        admin.get("/api/v1/sims").await.unwrap().status,
        200,
        "another key has its own limit"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_is_done_once() {
    let sandbox = Sandbox::start(EmulatorConfig::default().with_fleet(3).without_limits(), &[]).await;
    let admin = Caller::with_key(&sandbox.simward().url, &sandbox.simward().key);
    let create = |name: &str| {
        let body = json!({ "name": name, "scopes": ["read:sims"] });
        let request = admin
            .request("POST", "/api/v1/api-keys")
            .header("Idempotency-Key", "order-66");
        admin.send(request.json(&body))
    };

    let (one, two) = tokio::join!(create("first"), create("first"));

    let (one, two) = (
        one.unwrap().expect(201).unwrap(),
        two.unwrap().expect(201).unwrap(),
    );
    assert_eq!(one.data(), two.data(), "the same key is shown again");
    let listed = admin.get("/api/v1/api-keys").await.unwrap();
    let named = |name: &str| {
        let keys = listed.body["data"].as_array().unwrap().iter();
        keys.filter(|key| key["name"] == name).count()
    };
    assert_eq!(named("first"), 1, "{}", listed.text);
    assert_eq!(create("second").await.unwrap().status, 409);
}
