//! Redis goes and comes back under full load; 1NCE never notices.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool_redis::redis;
use once_client::{Generations, Lane, OnceClient};
use once_emulator::EmulatorConfig;
use tokio::task::JoinHandle;

use crate::support::{Proxy, World, eventually, pool, recorder, redis_url};

async fn answered(world: &World) -> usize {
    world.calls("GET", "/v2/sims").await.len()
}

async fn progress(world: &World, what: &str) {
    let before = answered(world).await;
    eventually(what, async || answered(world).await >= before + 12).await;
}

/// Two processes of one account that keep asking, behind a proxy before Redis.
struct Load {
    clients: Vec<OnceClient>,
    proxy: Proxy,
    stop: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Load {
    async fn start(world: &World) -> Self {
        let proxy = Proxy::start().await;
        let clients: Vec<OnceClient> = (0..2)
            .map(|_| {
                let mut config = world.config();
                config.generations = Generations::V2Only;
                config.sims_per_second = 10;
                OnceClient::new(config, Some(pool(&proxy.url)), recorder()).unwrap()
            })
            .collect();
        let stop = Arc::new(AtomicBool::new(false));
        let callers = clients
            .iter()
            .flat_map(|client| std::iter::repeat_n(client.clone(), 10));
        let tasks = callers
            .map(|client| {
                let stop = stop.clone();
                tokio::spawn(async move {
                    while !stop.load(Ordering::SeqCst) {
                        client.list_sims(Lane::Background, 1, 1).await.unwrap();
                    }
                })
            })
            .collect();
        Self {
            clients,
            proxy,
            stop,
            tasks,
        }
    }

    async fn all_share(&self, shared: bool) {
        eventually("all share, or all go on alone", async || {
            let one = self.clients[0].budget().snapshot().await;
            let two = self.clients[1].budget().snapshot().await;
            one.shared == shared && two.shared == shared
        })
        .await;
    }

    async fn end(self) {
        self.stop.store(true, Ordering::SeqCst);
        for task in self.tasks {
            task.await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn losing_and_regaining_redis_never_breaks_the_limit() {
    let world = World::start(EmulatorConfig::default().with_fleet(50)).await;
    let load = Load::start(&world).await;
    progress(&world, "calls with Redis").await;
    load.proxy.cut();
    load.all_share(false).await;
    progress(&world, "calls without Redis").await;
    load.proxy.mend();
    load.all_share(true).await;
    progress(&world, "calls with Redis again").await;
    load.end().await;
    let stats = world.control.stats().await.unwrap();
    assert_eq!((stats.violations, stats.throttled), (0, 0), "{stats:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_restarts_never_breaks_the_limit_whether_or_not_it_is_missed() {
    let world = World::start(EmulatorConfig::default().with_fleet(50)).await;
    let load = Load::start(&world).await;
    for missed in [false, true, false] {
        progress(&world, "calls with Redis").await;
        load.proxy.cut();
        world.lose_budget().await;
        if missed {
            load.all_share(false).await;
            progress(&world, "calls without Redis").await;
        }
        load.proxy.mend();
        load.all_share(true).await;
    }
    progress(&world, "calls with Redis again").await;
    load.end().await;
    let stats = world.control.stats().await.unwrap();
    assert_eq!((stats.violations, stats.throttled), (0, 0), "{stats:?}");
}

#[tokio::test]
async fn a_redis_that_is_not_there_costs_a_quarter_of_a_second_and_no_call() {
    let world = World::unlimited().await;
    let proxy = Proxy::start().await;
    proxy.cut();
    let mut config = world.config();
    config.redis_timeout = Duration::from_millis(100);
    let client = OnceClient::new(config, Some(pool(&proxy.url)), recorder()).unwrap();
    client.list_sims(Lane::Interactive, 1, 1).await.unwrap();
    assert!(!client.login().await.unwrap().shared);
    assert!(client.capabilities().await.probed);
}

#[tokio::test]
async fn a_hiccup_of_redis_without_a_call_meanwhile_stops_nobody_else() {
    let world = World::unlimited().await;
    let proxy = Proxy::start().await;
    let mut config = world.config();
    config.generations = Generations::V2Only;
    config.sims_per_second = 10;
    config.redis_retry = Duration::from_millis(50);
    let client = OnceClient::new(config, Some(pool(&proxy.url)), recorder()).unwrap();
    client.list_sims(Lane::Interactive, 1, 1).await.unwrap();
    let before = not_before(&world).await;
    proxy.cut();
    let call = tokio::spawn({
        let client = client.clone();
        async move { client.list_sims(Lane::Interactive, 1, 1).await }
    });
    eventually("the loss is noticed", async || {
        !client.budget().snapshot().await.shared
    })
    .await;
    proxy.mend();
    call.await.unwrap().unwrap();
    assert!(client.budget().snapshot().await.shared);
    assert_eq!(not_before(&world).await, before);
}

/// Before when no process may call.
async fn not_before(world: &World) -> u64 {
    let mut connection = pool(&redis_url()).get().await.unwrap();
    redis::cmd("HGET")
        .arg(&[world.key("budget:state"), "not_before".to_owned()])
        .query_async(&mut connection)
        .await
        .unwrap()
}
