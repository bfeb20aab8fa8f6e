//! Honest clients beside somebody who tries keys, and changes with everything that a change is written into.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::task::block_in_place;
use tokio::time::{MissedTickBehavior, interval};

use crate::fleet::Fleet;
use crate::gets::CONNECTIONS;
use crate::load::{Connection, Limit, Load, run};
use crate::report::{Report, median, ms};
use crate::sizes::Sizes;

/// Connections of the attacker, and wrong keys that each sends at once, every [`PAUSE`]: 10,000 a second.
const ATTACKERS: usize = 20;
const BURST: u64 = 5;
const PAUSE: Duration = Duration::from_millis(10);
const P99_UNDER_FLOOD: Duration = Duration::from_millis(10);

/// The same SIM again and again, alone and beside 10,000 wrong keys a second, by turns.
pub async fn flood(report: &mut Report, fleet: &Fleet, sizes: &Sizes) {
    let request = fleet.get(&format!("/api/v1/sims/{}", fleet.swept));
    let honest = || {
        let write = |_, text: &mut Vec<u8>| text.extend_from_slice(&request);
        block_in_place(|| run(fleet.addr, CONNECTIONS, Limit::time(sizes.round), write))
    };
    let mut rounds: Vec<(Load, Load, f64)> = Vec::new();
    for _ in 0..sizes.rounds.min(3) {
        let alone = honest();
        let (beside, refused) = beside_flood(fleet.addr, honest);
        rounds.push((alone, beside, refused));
    }
    let alone = median(rounds.iter().map(|round| round.0.percentile(99)));
    let beside = median(rounds.iter().map(|round| round.1.percentile(99)));
    let refused = median(rounds.iter().map(|round| round.2));
    let measured = format!("p99 {} ({} alone), {refused:.0} refused/s", ms(beside), ms(alone));
    report.within(
        "get, warm, beside 10,000 wrong keys/s",
        measured,
        beside,
        P99_UNDER_FLOOD,
    );
}

/// What `honest` measures while the attacker works, and how many wrong keys a second were answered.
fn beside_flood(addr: SocketAddr, honest: impl FnOnce() -> Load) -> (Load, f64) {
    let (over, refused) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let attackers = (0..ATTACKERS).map(|lane| attack(addr, lane, &over, &refused));
            runtime.expect("a runtime").block_on(join_all(attackers));
        });
        let began = Instant::now();
        let load = honest();
        let rate = refused.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64();
        over.store(true, Ordering::Relaxed);
        (load, rate)
    })
}

async fn attack(addr: SocketAddr, lane: usize, over: &AtomicBool, refused: &AtomicU64) {
    let mut connection = Connection::open(addr).await;
    let mut pace = interval(PAUSE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut number = 0_u64;
    while !over.load(Ordering::Relaxed) {
        pace.tick().await;
        for _ in 0..BURST {
            number += 1;
            let key = format!("sw_{lane:0>8}_{number:0>43}");
            let request = format!("GET /api/v1/sims HTTP/1.1\r\nHost: bench\r\nX-API-Key: {key}\r\n\r\n");
            connection.exchange_any(request.as_bytes()).await;
            assert!(
                connection.head().starts_with("HTTP/1.1 4"),
                "{}",
                connection.head()
            );
            refused.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Another tag with every request: the audit row, the change and its event are stored before each answer.
pub async fn puts(report: &mut Report, fleet: &Fleet, sizes: &Sizes) {
    let path = format!("/api/v1/sims/{}", fleet.swept);
    let write = |number: usize, text: &mut Vec<u8>| {
        let body = format!("{{\"tags\":[\"t{number}\"]}}");
        let head = format!(
            "PUT {path} HTTP/1.1\r\nHost: bench\r\nX-API-Key: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n",
            fleet.key,
            body.len()
        );
        text.extend_from_slice(head.as_bytes());
        text.extend_from_slice(body.as_bytes());
    };
    let load = block_in_place(|| run(fleet.addr, 8, Limit::time(sizes.round), write));
    let measured = format!(
        "{:.0}/s, p50 {}, p99 {}",
        load.per_second,
        ms(load.percentile(50)),
        ms(load.percentile(99))
    );
    report.note("put of tags, audited, one SIM, 8 connections", measured, "", None);
}
