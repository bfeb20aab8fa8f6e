//! Every kind of list over the whole fleet, one request after the other, then all kinds at once.

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::task::block_in_place;

use crate::fleet::{Fleet, iccid};
use crate::load::{Limit, Load, run, write_get};
use crate::report::{Report, ms};
use crate::sizes::Sizes;

const P95: Duration = Duration::from_millis(50);
/// Connections when all kinds are asked for at once.
const MIXED: usize = 8;
/// Rows that page numbers reach where the list is not in plain ICCID order.
const REACH: u64 = 100_000;

/// What is asked for, by a number that scatters.
type Query = Box<dyn Fn(u64) -> String + Sync>;

/// Measures them all.
pub async fn measure(report: &mut Report, fleet: &Fleet, sizes: &Sizes) {
    let lists = lists(sizes);
    for (name, query) in &lists {
        let limit = Limit {
            time: sizes.list_limit,
            requests: sizes.list_requests,
        };
        let write = |number: usize, text: &mut Vec<u8>| write_list(text, &query(scatter(number)), fleet);
        let load = block_in_place(|| run(fleet.addr, 1, limit, write));
        show(report, name, &load);
    }
    for (name, query) in walks() {
        let load = walk(fleet, sizes, query).await;
        show(report, name, &load);
    }
    let limit = Limit {
        time: sizes.list_limit,
        requests: usize::MAX,
    };
    let write = |number: usize, text: &mut Vec<u8>| {
        let (_, query) = &lists[number % lists.len()];
        write_list(text, &query(scatter(number)), fleet);
    };
    let load = block_in_place(|| run(fleet.addr, MIXED, limit, write));
    let name = format!("list, all kinds, {MIXED} connections, {:.0}/s", load.per_second);
    show(report, &name, &load);
    status(report, fleet, sizes);
}

fn show(report: &mut Report, name: &str, load: &Load) {
    let p95 = load.percentile(95);
    let measured = format!(
        "p50 {}, p95 {}, max {}",
        ms(load.percentile(50)),
        ms(p95),
        ms(load.max())
    );
    report.within(name, measured, p95, P95);
}

fn write_list(text: &mut Vec<u8>, query: &str, fleet: &Fleet) {
    write_get(text, &format!("/api/v1/sims?{query}"), &fleet.key);
}

/// A number far from that of the one before.
fn scatter(number: usize) -> u64 {
    (u64::try_from(number).expect("small") + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 24
}

/// A page of 50 between the first and the last of so many rows.
fn page(seed: u64, from: u64, rows: u64) -> String {
    let pages = (rows / 50).max(2);
    format!("page={}&page_size=50", 1 + from / 50 + seed % (pages - from / 50))
}

fn lists(sizes: &Sizes) -> Vec<(&'static str, Query)> {
    let (all, filled) = (sizes.sims, sizes.filled());
    let reach = REACH.min(all);
    let disabled = filled * 3 / 100;
    vec![
        (
            "list, any page",
            Box::new(move |seed| page(seed, 0, all)) as Query,
        ),
        ("list, deep page", Box::new(move |seed| page(seed, all / 2, all))),
        (
            "list, deep page, descending",
            Box::new(move |seed| page(seed, all / 2, all) + "&sort_order=desc"),
        ),
        (
            "list, any page, one organization",
            Box::new(move |seed| {
                page(seed, 0, all) + "&organization_id=00000000-0000-0000-0000-000000000001"
            }),
        ),
        (
            "list, Enabled, deep page",
            Box::new(move |seed| page(seed, filled / 2, filled * 9 / 10) + "&status=Enabled"),
        ),
        (
            "list, Disabled, deep page",
            Box::new(move |seed| page(seed, disabled / 2, disabled) + "&status=Disabled"),
        ),
        (
            "list, tag on 1 %, any page",
            Box::new(move |seed| page(seed, 0, filled / 100) + "&tag=pilot"),
        ),
        (
            "list, tag on 20 %, any page",
            Box::new(move |seed| page(seed, 0, REACH.min(filled / 5)) + "&tag=europe"),
        ),
        (
            "list, tag on 1 % by label",
            Box::new(move |seed| page(seed, 0, filled / 100) + "&tag=pilot&sort_by=label"),
        ),
        ("list, unused tag", Box::new(|seed| format!("tag=none-{seed}"))),
        (
            "list, search part of 14 % of labels",
            Box::new(|seed| {
                page(seed, 0, 1000) + "&search=" + ["berlin", "turin", "cork"][seed as usize % 3]
            }),
        ),
        (
            "list, search one label",
            Box::new(move |seed| format!("search=-{}", seed % filled)),
        ),
        (
            "list, search 6 digits inside an ICCID",
            Box::new(move |seed| format!("search={}", &iccid(seed % filled).to_string()[9..15])),
        ),
        (
            "list, search the last 6 digits of an ICCID",
            Box::new(move |seed| format!("search={}", &iccid(seed % filled).to_string()[13..])),
        ),
        (
            "list, search 3 digits that all have",
            Box::new(|seed| page(seed, 0, 1000) + "&search=898"),
        ),
        (
            "list, search whole ICCID",
            Box::new(move |seed| format!("search={}", iccid(seed % filled))),
        ),
        (
            "list, search without a match",
            Box::new(|seed| format!("search=8982{}", 90_000 + seed % 9_000)),
        ),
        (
            "list, search among Disabled by label",
            Box::new(|seed| page(seed, 0, 500) + "&status=Disabled&sort_by=label&search=berlin"),
        ),
        (
            "list, by label, first pages",
            Box::new(|seed| page(seed, 0, 1000) + "&sort_by=label"),
        ),
        (
            "list, by label, any page that numbers reach",
            Box::new(move |seed| page(seed, 0, reach) + "&sort_by=label"),
        ),
        (
            "list, by update, newest first",
            Box::new(|seed| page(seed, 0, 1000) + "&sort_by=updated_at&sort_order=desc"),
        ),
        (
            "list, by update, any page that numbers reach",
            Box::new(move |seed| page(seed, 0, reach) + "&sort_by=updated_at"),
        ),
        (
            "list, by creation, any page that numbers reach",
            Box::new(move |seed| page(seed, 0, reach) + "&sort_by=created_at"),
        ),
        (
            "list, by status, any page that numbers reach",
            Box::new(move |seed| page(seed, 0, reach) + "&sort_by=status"),
        ),
        (
            "list, Disabled by update, first pages",
            Box::new(|seed| page(seed, 0, 1000) + "&status=Disabled&sort_by=updated_at&sort_order=desc"),
        ),
    ]
}

fn walks() -> [(&'static str, &'static str); 7] {
    [
        ("list, cursor", ""),
        ("list, cursor, Disabled", "&status=Disabled"),
        ("list, cursor, tag on 1 %", "&tag=pilot"),
        ("list, cursor, search", "&search=berlin"),
        ("list, cursor, by label", "&sort_by=label"),
        ("list, cursor, by update", "&sort_by=updated_at&sort_order=desc"),
        (
            "list, cursor, by status, descending",
            "&sort_by=status&sort_order=desc",
        ),
    ]
}

/// Page after page by cursor.
async fn walk(fleet: &Fleet, sizes: &Sizes, query: &str) -> Load {
    let mut connection = fleet.connection().await;
    let (mut times, mut cursor) = (Vec::new(), String::new());
    let began = Instant::now();
    while times.len() < sizes.list_requests && began.elapsed() < sizes.list_limit {
        let request = fleet.get(&format!("/api/v1/sims?page_size=50{query}{cursor}"));
        let asked = Instant::now();
        connection.exchange(&request).await;
        times.push(asked.elapsed());
        let answer: Value = serde_json::from_slice(connection.body()).expect("JSON");
        match answer["pagination"]["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    Load::new(times, began.elapsed())
}

/// Not a list, but it counts the fleet too.
fn status(report: &mut Report, fleet: &Fleet, sizes: &Sizes) {
    let limit = Limit {
        time: sizes.list_limit,
        requests: sizes.list_requests,
    };
    let write = |_, text: &mut Vec<u8>| write_get(text, "/api/v1/sync/status", &fleet.key);
    let load = block_in_place(|| run(fleet.addr, 1, limit, write));
    show(report, "sync status", &load);
}
