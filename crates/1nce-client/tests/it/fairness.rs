//! Who goes first when many wait, over several processes: counted by the order of arrival at the emulator.

use std::sync::Arc;
use std::time::Duration;

use domain::OrganizationId;
use futures_util::future::join_all;
use metrics_exporter_prometheus::PrometheusBuilder;
use once_client::{Lane, OnceClient, on_behalf_of};
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::budget::{as_published, limited, load, write_state};
use crate::support::{Proxy, World, eventually, pool, recorder, redis_url};

/// A world whose budget grants nothing until it is released.
async fn held() -> World {
    let world = limited().await;
    world
        .client_with(as_published)
        .list_sims(Lane::Interactive, 1, 1)
        .await
        .unwrap();
    write_state(&world, &[], &[("not_before", 600)]).await;
    world.control.reset_calls().await.unwrap();
    world
}

async fn release(world: &World) {
    write_state(world, &[("not_before", 0)], &[]).await;
}

/// Lists a page so many times at once and returns when all of them wait.
async fn queue(
    client: &OnceClient,
    lane: Lane,
    organization: Option<u128>,
    page: u32,
    calls: usize,
) -> Vec<JoinHandle<()>> {
    let before = client.budget().snapshot().await.waiting[lane as usize];
    let tasks = (0..calls)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move {
                let organization = organization.map(|number| OrganizationId(Uuid::from_u128(number)));
                on_behalf_of(organization, client.list_sims(lane, page, 1))
                    .await
                    .unwrap();
            })
        })
        .collect();
    eventually("they wait", async || {
        client.budget().snapshot().await.waiting[lane as usize] == before + calls as u64
    })
    .await;
    // Each lane shows within this time in Redis that it waits.
    tokio::time::sleep(Duration::from_millis(300)).await;
    tasks
}

/// The page of each call, in the order of arrival.
async fn pages(world: &World) -> Vec<u32> {
    let calls = world.calls("GET", "/v2/sims").await;
    calls.iter().map(|call| page(&call.query)).collect()
}

fn page(query: &str) -> u32 {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let page = pairs.into_iter().find(|(name, _)| *name == "page").unwrap().1;
    page.parse().unwrap()
}

async fn first_pages(world: &World, count: usize) -> Vec<u32> {
    eventually("enough calls", async || pages(world).await.len() >= count).await;
    pages(world).await[..count].to_vec()
}

fn count(pages: &[u32], page: u32) -> usize {
    pages.iter().filter(|one| **one == page).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_go_first_then_commands_and_a_sweep_keeps_a_quarter_of_what_is_left() {
    let world = held().await;
    let clients: Vec<_> = (0..3).map(|_| world.client_with(as_published)).collect();
    let mut calls = queue(&clients[0], Lane::Background, None, 3, 7).await;
    calls.extend(queue(&clients[1], Lane::Command, None, 2, 7).await);
    calls.extend(queue(&clients[2], Lane::Interactive, None, 1, 7).await);

    release(&world).await;
    for call in join_all(calls).await {
        call.unwrap();
    }

    let expected = [
        vec![1; 7],
        vec![2; 3],
        vec![3],
        vec![2; 3],
        vec![3],
        vec![2],
        vec![3; 5],
    ]
    .concat();
    assert_eq!(pages(&world).await, expected);
    assert_eq!(world.control.stats().await.unwrap().violations, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bulk_job_of_any_size_leaves_a_fifth_to_a_sweep_and_something_to_readings_of_other_processes() {
    let world = held().await;
    let [job, sweep, readings] = [(); 3].map(|()| world.client_with(as_published));
    let mut calls = queue(&job, Lane::Bulk, None, 1, 70).await;
    calls.extend(queue(&sweep, Lane::Background, None, 2, 6).await);
    calls.extend(queue(&readings, Lane::Background, None, 3, 2).await);
    calls.extend(queue(&sweep, Lane::Background, None, 2, 6).await);

    release(&world).await;
    let first = first_pages(&world, 48).await;
    calls.iter().for_each(JoinHandle::abort);

    assert!((10..=11).contains(&count(&first, 2)), "{first:?}");
    assert_eq!(count(&first, 3), 2, "whoever waits longest goes first: {first:?}");
    assert_eq!(world.control.stats().await.unwrap().violations, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn organizations_take_turns_however_many_calls_one_has_waiting_and_in_how_many_processes() {
    let world = held().await;
    let (one, two) = (world.client_with(as_published), world.client_with(as_published));
    let mut calls = queue(&one, Lane::Interactive, Some(1), 1, 20).await;
    calls.extend(queue(&two, Lane::Interactive, Some(1), 1, 20).await);
    calls.extend(queue(&one, Lane::Interactive, Some(2), 2, 6).await);
    calls.extend(queue(&two, Lane::Interactive, None, 3, 6).await);

    release(&world).await;
    let first = first_pages(&world, 18).await;
    calls.iter().for_each(JoinHandle::abort);

    for page in 1..=3 {
        assert!((5..=7).contains(&count(&first, page)), "{first:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_organization_leaves_half_of_the_budget_to_a_sweep_that_waits() {
    let world = held().await;
    let (people, sweep) = (world.client_with(as_published), world.client_with(as_published));
    let mut calls = queue(&people, Lane::Interactive, Some(1), 1, 40).await;
    calls.extend(queue(&sweep, Lane::Background, None, 2, 40).await);

    release(&world).await;
    let first = first_pages(&world, 40).await;
    calls.iter().for_each(JoinHandle::abort);

    assert!((18..=22).contains(&count(&first, 1)), "{first:?}");
    assert_eq!(world.control.stats().await.unwrap().violations, 0);
}

#[tokio::test]
async fn a_lane_that_waits_in_vain_is_seen_in_the_metrics() {
    let world = held().await;
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let mut config = world.config();
    as_published(&mut config);
    let client = OnceClient::new(config, Some(pool(&redis_url())), Arc::new(recorder)).unwrap();
    let sweep = load(&client, Lane::Background, 1);
    let starved = || {
        let text = handle.render();
        let line = r#"once_budget_starved_seconds{account="main",group="sims",lane="background"} "#;
        let value = text.lines().find_map(|row| row.strip_prefix(line));
        value.map(|value| value.parse::<f64>().unwrap())
    };

    eventually("it is starved", async || starved().is_some_and(|time| time > 0.2)).await;
    release(&world).await;
    eventually("it gets something", async || starved() == Some(0.0)).await;
    sweep.iter().for_each(JoinHandle::abort);
}

#[tokio::test]
async fn a_block_outlives_the_state_of_redis_because_a_process_that_made_no_call_remembers_it() {
    let world = held().await;
    let idle = world.client_with(as_published);
    write_state(&world, &[], &[("blocked", 600)]).await;
    // Its heart beats every second.
    tokio::time::sleep(Duration::from_millis(1_500)).await;

    world.lose_budget().await;
    let newcomer = world.client_with(as_published);
    let call = load(&newcomer, Lane::Interactive, 1);

    eventually("the others know of the block again", async || {
        let left = newcomer.budget().snapshot().await.blocked_for;
        left.is_some_and(|left| left > Duration::from_secs(500))
    })
    .await;
    call.iter().for_each(JoinHandle::abort);
    assert!(world.calls("GET", "/v2/sims").await.is_empty());
    drop(idle);
}

#[tokio::test]
async fn processes_that_lose_redis_divide_the_rate_by_those_that_they_last_saw() {
    let world = limited().await;
    let proxy = Proxy::start().await;
    let clients: Vec<OnceClient> = (0..4)
        .map(|_| {
            let mut config = world.config();
            as_published(&mut config);
            assert_eq!(config.replicas, 1);
            OnceClient::new(config, Some(pool(&proxy.url)), recorder()).unwrap()
        })
        .collect();
    for client in clients.iter().chain(&clients) {
        client.list_sims(Lane::Interactive, 1, 1).await.unwrap();
    }

    proxy.cut();
    let load: Vec<_> = clients
        .iter()
        .flat_map(|client| load(client, Lane::Background, 4))
        .collect();

    for client in &clients {
        eventually("it goes on alone", async || {
            !client.budget().snapshot().await.shared
        })
        .await;
        // Whole calls of a window of 1.03 s: 2 of the 2.5.
        let rate = client.budget().snapshot().await.rate;
        assert!((1.9..2.5).contains(&rate), "{rate}");
    }
    world.control.reset_calls().await.unwrap();
    eventually("30 calls", async || pages(&world).await.len() >= 30).await;
    load.iter().for_each(JoinHandle::abort);
    assert_eq!(world.control.stats().await.unwrap().violations, 0);
}
