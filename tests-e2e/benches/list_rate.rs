//! The first pages of the list in ICCID order under full load, against pgbench on the same rows.

use tokio::task::block_in_place;

use crate::fleet::Fleet;
use crate::gets::CONNECTIONS;
use crate::load::{Limit, Load, run, write_get};
use crate::pgbench;
use crate::report::{Report, median, ms};
use crate::sizes::Sizes;

const ROWS: usize = 50;
const PAGES: usize = 20;

/// By turns.
pub async fn measure(report: &mut Report, fleet: &Fleet, sizes: &Sizes) {
    let behind = behind_pages(fleet).await;
    let list = || {
        let write = |number: usize, text: &mut Vec<u8>| {
            let page = 1 + number % PAGES;
            write_get(
                text,
                &format!("/api/v1/sims?page={page}&page_size={ROWS}"),
                &fleet.key,
            );
        };
        block_in_place(|| run(fleet.addr, CONNECTIONS, Limit::time(sizes.round), write))
    };
    // The first round warms both up.
    let rounds: Vec<(Load, Option<Load>)> = (0..=sizes.rounds.min(3))
        .map(|_| {
            let bench = block_in_place(|| pgbench::pages(fleet, sizes, &behind, ROWS));
            (list(), bench)
        })
        .skip(1)
        .collect();
    let rate = median(rounds.iter().map(|(load, _)| load.per_second));
    let p50 = median(rounds.iter().map(|(load, _)| load.percentile(50)));
    let p99 = median(rounds.iter().map(|(load, _)| load.percentile(99)));
    let name = format!("list of {ROWS} by ICCID, {CONNECTIONS} connections");
    let both: Vec<(&Load, &Load)> = rounds
        .iter()
        .filter_map(|(load, bench)| Some((load, bench.as_ref()?)))
        .collect();
    if both.is_empty() {
        report.missing(&name, "pgbench is not installed");
        return;
    }
    let bench_rate = median(both.iter().map(|(_, bench)| bench.per_second));
    let ratio = median(
        both.iter()
            .map(|(load, bench)| load.per_second / bench.per_second),
    );
    report.at_least(
        &name,
        format!("{rate:.0}/s, p50 {}, p99 {}", ms(p50), ms(p99)),
        format!("{bench_rate:.0}/s, pgbench"),
        ratio,
        0.5,
    );
}

/// The last ICCID before each of the first pages.
async fn behind_pages(fleet: &Fleet) -> Vec<i64> {
    let rows: Vec<i64> =
        sqlx::query_scalar("SELECT iccid FROM sim.sims WHERE list_status < 9 ORDER BY iccid LIMIT $1")
            .bind(i64::try_from(PAGES * ROWS).expect("small"))
            .fetch_all(&mut fleet.database().await)
            .await
            .expect("the first SIMs");
    let last = rows.iter().skip(ROWS - 1).step_by(ROWS).take(PAGES - 1);
    std::iter::once(0).chain(last.copied()).collect()
}
