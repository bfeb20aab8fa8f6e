//! The budget as 1NCE sees it: counted by the emulator, over several processes.

use std::time::Duration;

use deadpool_redis::redis;
use once_client::{ClientConfig, ClientError, Generations, Lane, OnceClient};
use once_emulator::{EmulatorConfig, Fault, FaultKind};

use crate::support::{World, eventually, pool, recorder, redis_url};

pub fn as_published(config: &mut ClientConfig) {
    config.generations = Generations::V2Only;
    config.sims_per_second = 10;
}

pub async fn limited() -> World {
    World::start(EmulatorConfig::default().with_fleet(200)).await
}

/// Keeps `width` calls of a lane waiting until told to stop.
pub fn load(client: &OnceClient, lane: Lane, width: usize) -> Vec<tokio::task::JoinHandle<()>> {
    (0..width)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move {
                loop {
                    client.list_sims(lane, 1, 1).await.unwrap();
                }
            })
        })
        .collect()
}

/// Moments of arrival at the emulator, in milliseconds.
async fn arrivals(world: &World, path: &str) -> Vec<u64> {
    world
        .calls("GET", path)
        .await
        .iter()
        .map(|call| call.at_ms)
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_processes_at_full_load_fill_one_window_and_never_see_a_429() {
    let world = limited().await;
    let clients: Vec<_> = (0..4).map(|_| world.client_with(as_published)).collect();
    let tasks: Vec<_> = clients
        .iter()
        .flat_map(|client| load(client, Lane::Background, 25))
        .collect();
    eventually("51 calls", async || {
        arrivals(&world, "/v2/sims").await.len() >= 51
    })
    .await;
    let snapshot = clients[0].budget().snapshot().await;
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
    let stats = world.control.stats().await.unwrap();
    assert_eq!((stats.violations, stats.throttled), (0, 0));
    let times = arrivals(&world, "/v2/sims").await;
    let rate = 50_000.0 / (times[50] - times[0]) as f64;
    println!("{rate:.2} calls/s, most in a second {}", stats.max_in_any_second);
    assert!((9..=10).contains(&stats.max_in_any_second), "{stats:?}");
    assert!(snapshot.shared);
    assert!(
        (1..=10).contains(&snapshot.used_last_second[Lane::Background as usize]),
        "{snapshot:?}"
    );
    assert!(
        snapshot.used_last_minute[Lane::Background as usize] >= 50,
        "{snapshot:?}"
    );
    assert_eq!(snapshot.waiting[Lane::Background as usize], 25, "{snapshot:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_does_not_wait_for_a_sweep_of_other_processes() {
    let world = limited().await;
    let (sweep, person) = (world.client_with(as_published), world.client_with(as_published));
    let tasks = load(&sweep, Lane::Background, 50);
    eventually("the sweep runs", async || {
        arrivals(&world, "/v2/sims").await.len() >= 15
    })
    .await;
    for _ in 0..10 {
        let before = arrivals(&world, "/v2/sims").await.len();
        person.list_sims(Lane::Interactive, 7, 1).await.unwrap();
        let calls = world.calls("GET", "/v2/sims").await;
        let place = calls
            .iter()
            .rposition(|call| call.query.contains("page=7"))
            .unwrap();
        assert!(
            place - before <= 2,
            "{} calls of the sweep went before",
            place - before
        );
    }
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
    assert_eq!(world.control.stats().await.unwrap().violations, 0);
}

#[tokio::test]
async fn a_lost_state_counts_as_a_full_window() {
    let world = limited().await;
    let client = world.client_with(as_published);
    client.list_sims(Lane::Interactive, 1, 1).await.unwrap();
    let mut connection = pool(&redis_url()).get().await.unwrap();
    let keys = [world.key("budget:state"), world.key("budget:log")];
    let deleted: u32 = redis::cmd("DEL")
        .arg(&keys)
        .query_async(&mut connection)
        .await
        .unwrap();
    assert_eq!(deleted, 2, "the keys are where the README says");
    client.list_sims(Lane::Interactive, 1, 1).await.unwrap();
    let times = arrivals(&world, "/v2/sims").await;
    assert!(times[1] - times[0] >= 1_000, "{times:?}");
}

#[tokio::test]
async fn another_run_of_redis_counts_as_a_full_window() {
    let world = limited().await;
    let client = world.client_with(as_published);
    client.list_sims(Lane::Interactive, 1, 1).await.unwrap();
    let mut connection = pool(&redis_url()).get().await.unwrap();
    redis::cmd("HSET")
        .arg(world.key("budget:state"))
        .arg("run")
        .arg("the run before")
        .query_async::<()>(&mut connection)
        .await
        .unwrap();
    client.list_sims(Lane::Interactive, 1, 1).await.unwrap();
    let times = arrivals(&world, "/v2/sims").await;
    assert!(times[1] - times[0] >= 1_000, "{times:?}");
}

#[tokio::test]
async fn a_full_budget_is_told_to_people_in_time_and_nothing_is_sent() {
    let world = limited().await;
    let client = world.client_with(|config| {
        as_published(config);
        config.lane_max_wait[0] = Some(Duration::from_millis(100));
    });
    let error = client.list_sims(Lane::Interactive, 1, 1).await.unwrap_err();
    let expected = ClientError::BudgetTimeout {
        lane: Lane::Interactive,
    };
    assert_eq!(error, expected);
    assert!(error.is_retryable() && error.nothing_sent());
    assert!(world.calls("GET", "/v2/sims").await.is_empty());
}

#[tokio::test]
async fn a_429_slows_every_process_down() {
    let world = limited().await;
    let (one, two) = (world.client_with(as_published), world.client_with(as_published));
    two.list_sims(Lane::Interactive, 1, 1).await.unwrap();
    let fault = Fault::new(FaultKind::Throttle, "/v2/sims")
        .times(1)
        .retry_after(2);
    world.control.faults_add(&fault).await.unwrap();
    world.control.reset_calls().await.unwrap();
    let call = tokio::spawn({
        let one = one.clone();
        async move { one.list_sims(Lane::Interactive, 1, 1).await }
    });
    eventually("the 429 is known to the other process", async || {
        two.budget().snapshot().await.blocked_for.is_some()
    })
    .await;
    let snapshot = two.budget().snapshot().await;
    assert!(snapshot.rate < 6.0, "{snapshot:?}");
    two.list_sims(Lane::Interactive, 2, 1).await.unwrap();
    call.await.unwrap().unwrap();
    let times = arrivals(&world, "/v2/sims").await;
    assert_eq!(times.len(), 3);
    assert!(times[1] - times[0] >= 1_950, "{times:?}");
}

#[tokio::test]
async fn callers_that_go_away_leave_nothing_behind() {
    let world = limited().await;
    let (leaving, staying) = (world.client_with(as_published), world.client_with(as_published));
    let mut tasks = load(&leaving, Lane::Interactive, 20);
    tasks.extend(load(&leaving, Lane::Command, 20));
    eventually("calls flow", async || {
        arrivals(&world, "/v2/sims").await.len() >= 12
    })
    .await;
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
    for task in tasks {
        assert!(task.await.unwrap_err().is_cancelled());
    }
    assert_eq!(leaving.budget().snapshot().await.waiting, [0; Lane::COUNT]);
    let next = tokio::time::timeout(Duration::from_secs(5), staying.list_sims(Lane::Background, 1, 1));
    assert!(next.await.expect("the lowest lane moves again").is_ok());
}

#[tokio::test]
async fn without_redis_a_process_takes_its_share() {
    let world = limited().await;
    let mut config = world.config();
    as_published(&mut config);
    config.replicas = 2;
    let client = OnceClient::new(config, None, recorder()).unwrap();
    let tasks = load(&client, Lane::Background, 10);
    eventually("16 calls", async || {
        arrivals(&world, "/v2/sims").await.len() >= 16
    })
    .await;
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
    let times = arrivals(&world, "/v2/sims").await;
    let rate = 15_000.0 / (times[15] - times[0]) as f64;
    assert!(rate <= 5.05, "{rate} calls/s");
    assert!(!client.budget().snapshot().await.shared);
}

/// Writes the shared state of `/sims*`; times are seconds from now.
pub async fn write_state(world: &World, counts: &[(&str, i64)], times: &[(&str, i64)]) {
    let mut connection = pool(&redis_url()).get().await.unwrap();
    let (seconds, _): (i64, i64) = redis::cmd("TIME").query_async(&mut connection).await.unwrap();
    let mut set = redis::cmd("HSET");
    set.arg(world.key("budget:state"));
    for (field, value) in counts {
        set.arg(field).arg(value);
    }
    for (field, offset) in times {
        set.arg(field).arg((seconds + offset) * 1_000_000);
    }
    set.query_async::<()>(&mut connection).await.unwrap();
}

#[tokio::test]
async fn a_429_without_a_time_pauses_longer_after_each_other() {
    let world = limited().await;
    let client = world.client_with(as_published);
    client.list_sims(Lane::Interactive, 1, 1).await.unwrap();
    write_state(
        &world,
        &[("penal_n", 2), ("factor", 1)],
        &[("penal_at", -5), ("blocked", -2)],
    )
    .await;
    let throttle = Fault::new(FaultKind::Throttle, "/v2/sims").times(1);
    world.control.faults_add(&throttle).await.unwrap();
    let call = tokio::spawn({
        let client = client.clone();
        async move { client.list_sims(Lane::Interactive, 1, 1).await }
    });
    eventually("the fourth pause in a row is about 8 s", async || {
        let left = client.budget().snapshot().await.blocked_for;
        left.is_some_and(|left| (5..=10).contains(&left.as_secs()))
    })
    .await;
    call.abort();
}

#[tokio::test]
async fn a_clock_set_back_is_noticed_without_any_call_in_the_log() {
    let world = limited().await;
    let client = world.client_with(as_published);
    client.list_sims(Lane::Interactive, 1, 1).await.unwrap();
    let mut connection = pool(&redis_url()).get().await.unwrap();
    redis::cmd("DEL")
        .arg(world.key("budget:log"))
        .query_async::<()>(&mut connection)
        .await
        .unwrap();
    let ahead = [("seen", 300), ("not_before", 240), ("blocked", 200)];
    write_state(&world, &[], &ahead).await;
    assert!(client.list_sims(Lane::Interactive, 1, 1).await.is_ok());
}

#[tokio::test]
async fn a_sweep_over_orders_leaves_room_for_commands_and_people() {
    let world = World::unlimited().await;
    let client = world.client();
    let sweep: Vec<_> = (0..60)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.list_orders(Lane::Background, 1, true).await })
        })
        .collect();
    eventually("half of the window is used", async || {
        sweep.iter().filter(|call| call.is_finished()).count() >= 50
    })
    .await;
    assert!(client.list_orders(Lane::Command, 1, true).await.is_ok());
    assert!(client.list_orders(Lane::Interactive, 1, true).await.is_ok());
    assert_eq!(world.calls("GET", "/v1/orders").await.len(), 52);
    sweep.iter().for_each(tokio::task::JoinHandle::abort);
}
