use gateway::Permission;

use crate::harness::{App, Gateway, ICCID, World, path, sim, until};

async fn label(gateway: &Gateway, key: &str) -> String {
    let answer = gateway.get(&path(ICCID), key).await.expect(200);
    answer.body["data"]["label"].as_str().unwrap().to_owned()
}

async fn until_label(gateway: &Gateway, key: &str, wanted: &str) {
    until("the label is new", async || match label(gateway, key).await {
        seen if seen == wanted => Ok(()),
        seen => Err(seen),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_read_is_answered_from_memory_until_an_event_says_otherwise() {
    let app = App::start().await;
    let key = app.world.key_for(&[Permission::ReadSims], None).await;
    app.world.sims.put(sim(ICCID, 1, "old"));
    assert_eq!(label(&app.gateway, &key).await, "old");
    app.world.sims.put(sim(ICCID, 2, "new"));
    assert_eq!(label(&app.gateway, &key).await, "old");
    assert_eq!(app.world.sims.state().gets, 1);
    // An event about what is known already changes nothing.
    app.world.announce(ICCID, 1).await;
    app.world.announce(ICCID, 2).await;
    until_label(&app.gateway, &key, "new").await;
    assert_eq!(app.world.sims.state().gets, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn gateways_share_what_one_has_read_and_forget_it_together() {
    let world = World::new().await;
    let (one, two) = (
        world.start(world.gateway_config()).await,
        world.start(world.gateway_config()).await,
    );
    let key = world.key_for(&[Permission::ReadSims], None).await;
    world.sims.put(sim(ICCID, 1, "old"));
    assert_eq!(label(&one, &key).await, "old");
    assert_eq!(label(&two, &key).await, "old");
    assert_eq!(
        world.sims.state().gets,
        1,
        "the second gateway did not look into Redis"
    );
    world.sims.put(sim(ICCID, 2, "new"));
    world.announce(ICCID, 2).await;
    until_label(&one, &key, "new").await;
    until_label(&two, &key, "new").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revision_that_no_event_tells_empties_every_cache_and_an_old_one_none() {
    let world = World::new().await;
    let (one, two) = (
        world.start(world.gateway_config()).await,
        world.start(world.gateway_config()).await,
    );
    let key = world.key_for(&[Permission::ReadSims], None).await;
    let other = "8988999000000000025";
    for gateway in [&one, &two] {
        world.sims.put(sim(ICCID, 1, "old"));
        world.sims.put(sim(other, 4, "other"));
        gateway.get(&path(other), &key).await.expect(200);
        assert_eq!(label(gateway, &key).await, "old");
    }
    let asked = world.sims.state().gets;
    world.sims.put(sim(ICCID, 2, "new"));

    world
        .revise(&[(ICCID, 2), (other, 4), ("8988999000000000033", 9)])
        .await;
    world.revise(&[(ICCID, 2), (ICCID, 1)]).await;

    until_label(&one, &key, "new").await;
    until_label(&two, &key, "new").await;
    for gateway in [&one, &two] {
        gateway.get(&path(other), &key).await.expect(200);
    }
    let again = world.sims.state().gets - asked;
    assert!(
        (1..=2).contains(&again),
        "{again} questions: once a gateway at the most, and none for the other SIM"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_forgets_what_events_may_have_said_meanwhile() {
    let app = App::start().await;
    let key = app.world.key_for(&[Permission::ReadSims], None).await;
    app.world.sims.put(sim(ICCID, 1, "old"));
    assert_eq!(label(&app.gateway, &key).await, "old");
    app.world.sims.put(sim(ICCID, 2, "new"));
    app.gateway.shared.bus.client().force_reconnect().await.unwrap();
    until("the label is new", async || {
        let answer = app.gateway.get(&path(ICCID), &key).await;
        match answer.body["data"]["label"].as_str() {
            Some("new") => Ok(()),
            _ => Err(answer.text),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_gone_or_silent_costs_no_answer() {
    // Accepts connections and never says a word.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let ports = [
        silent.local_addr().unwrap().port(),
        closed.local_addr().unwrap().port(),
    ];
    drop(closed);
    for port in ports {
        let mut world = World::new().await;
        world.config.redis.url = format!("redis://127.0.0.1:{port}").into();
        let gateway = world.start(world.gateway_config()).await;
        let key = world.key_for(&[Permission::ReadSims], None).await;
        let started = std::time::Instant::now();
        for tail in 10..60 {
            let iccid = format!("89889990000000000{tail}");
            world.sims.put(sim(&iccid, 1, "pump"));
            gateway.get(&path(&iccid), &key).await.expect(200);
        }
        let pauses = started.elapsed().as_secs() + 1;
        let text = gateway.shared.metrics.render();
        let line = text
            .lines()
            .find(|line| line.contains("layer=\"redis\",result=\"error\""))
            .unwrap();
        let errors: u64 = line.rsplit(' ').next().unwrap().parse().unwrap();
        assert!(
            (1..=pauses * 2).contains(&errors),
            "{errors} errors in {pauses} s"
        );
        let ready = gateway.get("/health/ready", "").await.expect(200);
        assert_eq!(ready.body["status"], "degraded");
    }
}
