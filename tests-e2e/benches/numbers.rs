//! The numbers that Simward promises, measured in one run and shown as ratios: to a bare actix-web handler, to pgbench
//! on the same query, to the rate that 1NCE grants, or to the limit itself.
//!
//! `make bench` provides the servers. BENCH_SIMS sets the size of the fleet, BENCH_QUICK=1 makes a short run of it.
//! Nothing fails for being slow: the table says MISS.
#![forbid(unsafe_code)]

mod bare;
mod fleet;
mod gets;
mod lists;
mod load;
mod pgbench;
mod process;
mod report;
mod sizes;
mod sweep;

use report::Report;
use sizes::Sizes;

// As in Simward, so that the bare handler has no worse memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() {
    let sizes = Sizes::from_env();
    let mut report = Report::new(&sizes);
    sweep::measure(&mut report).await;
    let mut fleet = fleet::start(&sizes, &mut report).await;
    process::idle_memory(&mut report, &sizes).await;
    fleet::fill(&fleet, &sizes, &mut report).await;
    gets::warm(&mut report, &fleet, &sizes).await;
    gets::uncached(&mut report, &fleet, &sizes).await;
    lists::measure(&mut report, &fleet, &sizes).await;
    process::loaded_memory(&mut report, &sizes);
    process::start_up(&mut report, &mut fleet).await;
    report.print();
}
