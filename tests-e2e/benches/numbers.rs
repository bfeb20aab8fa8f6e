//! The numbers that Simward promises, measured in one run and shown as ratios: to a bare actix-web handler, to pgbench
//! on the same query, to PostgreSQL's COPY, to the rate that 1NCE grants, or to the limit itself.
//!
//! `make bench` provides the servers. BENCH_SIMS sets the size of the fleet, BENCH_USAGE_ROWS the usage records that are
//! stored when usage is read, BENCH_INGEST_RECORDS those that are received, BENCH_QUICK=1 makes a short run of it.
//! BENCH_ONLY names parts, with commas between them: sweep, gets, lists, process, webhook, ingest or usage.
//! Nothing fails for being slow: the table says MISS.
#![forbid(unsafe_code)]

mod abuse;
mod bare;
mod copy;
mod fleet;
mod gets;
mod ingest;
mod list_rate;
mod lists;
mod load;
mod pgbench;
mod plain_keys;
mod process;
mod records;
mod report;
mod sizes;
mod sweep;
mod usage;
mod usage_rows;

use report::Report;
use sizes::Sizes;

// As in Simward, so that the bare handler has no worse memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() {
    let sizes = Sizes::from_env();
    let mut report = Report::new(&sizes);
    if sizes.wants("sweep") {
        sweep::measure(&mut report).await;
    }
    if ["gets", "lists", "process"].iter().any(|part| sizes.wants(part)) {
        measure_fleet(&mut report, &sizes).await;
    }
    if ["webhook", "ingest"].iter().any(|part| sizes.wants(part)) {
        ingest::measure(&mut report, &sizes).await;
    }
    if sizes.wants("usage") {
        usage::measure(&mut report, &sizes).await;
    }
    report.print();
}

/// Everything that needs the large fleet.
async fn measure_fleet(report: &mut Report, sizes: &Sizes) {
    let mut fleet = fleet::start(sizes, report).await;
    if sizes.wants("process") {
        process::idle_memory(report, sizes).await;
    }
    fleet::fill(&fleet, sizes, report).await;
    if sizes.wants("gets") {
        gets::warm(report, &fleet, sizes).await;
        plain_keys::warm(report, &fleet, sizes).await;
        gets::uncached(report, &fleet, sizes).await;
        abuse::flood(report, &fleet, sizes).await;
        abuse::puts(report, &fleet, sizes).await;
    }
    if sizes.wants("lists") {
        list_rate::measure(report, &fleet, sizes).await;
        lists::measure(report, &fleet, sizes).await;
    }
    if sizes.wants("process") {
        process::loaded_memory(report, sizes);
        process::start_up(report, &mut fleet).await;
    }
}
