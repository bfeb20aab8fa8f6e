//! `GET /api/v1/sims/{iccid}`: from memory against a bare handler, from the database against pgbench.

use tokio::task::block_in_place;

use crate::fleet::{Fleet, scattered};
use crate::load::{Limit, Load, run, write_get};
use crate::report::{Report, median, ms};
use crate::sizes::Sizes;
use crate::{bare, pgbench};

/// Keep-alive connections, and clients of pgbench.
pub const CONNECTIONS: usize = 32;
const P99_WARM: std::time::Duration = std::time::Duration::from_millis(10);
const P99_UNCACHED: std::time::Duration = std::time::Duration::from_millis(25);

/// The same SIM again and again, by turns with a bare handler that answers the same bytes.
pub async fn warm(report: &mut Report, fleet: &Fleet, sizes: &Sizes) {
    let request = fleet.get(&format!("/api/v1/sims/{}", fleet.swept));
    let mut sample = fleet.connection().await;
    sample.exchange(&request).await;
    let bare = bare::serve(&sample);
    let load = |addr| {
        let write = |_, text: &mut Vec<u8>| text.extend_from_slice(&request);
        block_in_place(|| run(addr, CONNECTIONS, Limit::time(sizes.round), write))
    };
    // The first round warms both up.
    let rounds: Vec<(Load, Load)> = (0..=sizes.rounds)
        .map(|_| (load(bare), load(fleet.addr)))
        .skip(1)
        .collect();
    let bare_rate = median(rounds.iter().map(|(bare, _)| bare.per_second));
    let rate = median(rounds.iter().map(|(_, simward)| simward.per_second));
    let bare_p99 = median(rounds.iter().map(|(bare, _)| bare.percentile(99)));
    let p50 = median(rounds.iter().map(|(_, simward)| simward.percentile(50)));
    let p99 = median(rounds.iter().map(|(_, simward)| simward.percentile(99)));
    let ratio = median(
        rounds
            .iter()
            .map(|(bare, simward)| simward.per_second / bare.per_second),
    );
    let comparison = format!("{bare_rate:.0}/s, p99 {}, bare actix-web", ms(bare_p99));
    report.at_least(
        "get, warm, with key and limits",
        format!("{rate:.0}/s"),
        comparison,
        ratio,
        0.8,
    );
    let measured = format!("p50 {}, p99 {}", ms(p50), ms(p99));
    report.within("get, warm, 32 connections", measured, p99, P99_WARM);
}

/// Another SIM with every request, so that neither the process nor Redis has it, by turns with pgbench.
pub async fn uncached(report: &mut Report, fleet: &Fleet, sizes: &Sizes) {
    let mut rounds: Vec<(Load, Option<Load>)> = Vec::new();
    let mut asked = 0;
    for _ in 0..sizes.rounds.min(3) {
        let left = usize::try_from(sizes.filled()).expect("small") - asked;
        if left == 0 {
            // A fast machine has asked for the whole of a small fleet.
            break;
        }
        let limit = Limit {
            time: sizes.round,
            requests: left,
        };
        let write = |number: usize, text: &mut Vec<u8>| {
            let position = u64::try_from(asked + number).expect("small");
            let path = format!("/api/v1/sims/{}", scattered(position, sizes));
            write_get(text, &path, &fleet.key);
        };
        let load = block_in_place(|| run(fleet.addr, CONNECTIONS, limit, write));
        asked += load.count();
        rounds.push((load, block_in_place(|| pgbench::one_row(fleet, sizes))));
    }
    let p50 = median(rounds.iter().map(|(load, _)| load.percentile(50)));
    let p99 = median(rounds.iter().map(|(load, _)| load.percentile(99)));
    let measured = format!("p50 {}, p99 {}", ms(p50), ms(p99));
    report.within(
        "get, uncached (cold Redis), 32 connections",
        measured,
        p99,
        P99_UNCACHED,
    );
    let rate = median(rounds.iter().map(|(load, _)| load.per_second));
    let bench: Vec<&Load> = rounds.iter().filter_map(|(_, bench)| bench.as_ref()).collect();
    if bench.is_empty() {
        report.missing("get, uncached, against pgbench", "pgbench is not installed");
        return;
    }
    let bench_rate = median(bench.iter().map(|load| load.per_second));
    let bench_p99 = median(bench.iter().map(|load| load.percentile(99)));
    report.note(
        "get, uncached",
        format!("{rate:.0}/s"),
        &format!("{bench_rate:.0}/s, pgbench"),
        Some(rate / bench_rate),
    );
    report.at_most(
        "get, uncached, p99",
        ms(p99),
        format!("p99 {}, pgbench", ms(bench_p99)),
        p99.as_secs_f64() / bench_p99.as_secs_f64(),
        3.0,
    );
}
