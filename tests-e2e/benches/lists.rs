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
const REACH: u64 = 10_000;

/// What is asked for, by a number that scatters.
type Query = Box<dyn Fn(u64) -> String + Sync>;
/// Its name in the table, and what is asked for.
type List = (&'static str, Query);

/// Measures them all.
pub async fn measure(report: &mut Report, fleet: &Fleet, sizes: &Sizes) {
    let lists = lists(sizes);
    one_after_the_other(report, fleet, sizes, &lists);
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
    let name = format!("list, all kinds, {MIXED} connections");
    let measured = format!("{:.0}/s, {}", load.per_second, spread(&load));
    let ratio = load.percentile(95).as_secs_f64() / P95.as_secs_f64();
    report.note(&name, measured, "50 ms allowed alone", Some(ratio));
    status(report, fleet, sizes);
    one_after_the_other(report, fleet, sizes, &gone_together(fleet, sizes).await);
}

fn one_after_the_other(report: &mut Report, fleet: &Fleet, sizes: &Sizes, lists: &[List]) {
    for (name, query) in lists {
        let limit = Limit {
            time: sizes.list_limit,
            requests: sizes.list_requests,
        };
        let write = |number: usize, text: &mut Vec<u8>| write_list(text, &query(scatter(number)), fleet);
        let load = block_in_place(|| run(fleet.addr, 1, limit, write));
        show(report, name, &load);
    }
}

/// Lists in whose order the wanted SIMs stand together, behind all others: 2 % of the fleet became missing just now.
async fn gone_together(fleet: &Fleet, sizes: &Sizes) -> Vec<List> {
    let mut database = fleet.database().await;
    sqlx::query(
        "UPDATE sim.sims SET missing_since = now(), updated_at = now(), revision = revision + 1
         WHERE iccid % 50 = 13 AND iccid BETWEEN $1 AND $2",
    )
    .bind(iccid(0).cast_signed())
    .bind(iccid(sizes.filled() - 1).cast_signed())
    .execute(&mut database)
    .await
    .expect("SIMs go missing");
    sqlx::query("VACUUM ANALYZE sim.sims")
        .execute(&mut database)
        .await
        .expect("a vacuum");
    let missing = sizes.filled() / 50;
    vec![
        list("Missing by update, oldest first, first pages", move |seed| {
            page(seed, 0, missing.min(1000)) + "&status=Missing&sort_by=updated_at"
        }),
        list("by update, newest first, past the missing ones", |seed| {
            page(seed, 0, 1000) + "&sort_by=updated_at&sort_order=desc"
        }),
    ]
}

fn show(report: &mut Report, name: &str, load: &Load) {
    report.within(&format!("list, {name}"), spread(load), load.percentile(95), P95);
}

fn spread(load: &Load) -> String {
    let percentiles = (ms(load.percentile(50)), ms(load.percentile(95)));
    format!(
        "p50 {}, p95 {}, max {}",
        percentiles.0,
        percentiles.1,
        ms(load.max())
    )
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

fn lists(sizes: &Sizes) -> Vec<List> {
    let lists = [pages(sizes), tags(sizes), searches(sizes), orders(sizes)];
    lists.into_iter().flatten().collect()
}

/// In ICCID order.
fn pages(sizes: &Sizes) -> Vec<List> {
    let (all, filled) = (sizes.sims, sizes.filled());
    let disabled = filled * 3 / 100;
    vec![
        list("any page", move |seed| page(seed, 0, all)),
        list("deep page", move |seed| page(seed, all / 2, all)),
        list("deep page, descending", move |seed| {
            page(seed, all / 2, all) + "&sort_order=desc"
        }),
        list("any page, one organization", move |seed| {
            page(seed, 0, all) + "&organization_id=00000000-0000-0000-0000-000000000001"
        }),
        list("Enabled, deep page", move |seed| {
            page(seed, filled / 2, filled * 9 / 10) + "&status=Enabled"
        }),
        list("Disabled, deep page", move |seed| {
            page(seed, disabled / 2, disabled) + "&status=Disabled"
        }),
    ]
}

fn tags(sizes: &Sizes) -> Vec<List> {
    let (rare, common) = (sizes.filled() / 100, REACH.min(sizes.filled() / 5));
    vec![
        list("tag on 1 %, any page", move |seed| {
            page(seed, 0, rare) + "&tag=pilot"
        }),
        list("tag on 1 % by label, any page", move |seed| {
            page(seed, 0, rare) + "&tag=pilot&sort_by=label"
        }),
        list("tag on 20 %, any page that numbers reach", move |seed| {
            page(seed, 0, common) + "&tag=europe"
        }),
        list("unused tag", |seed| format!("tag=none-{seed}")),
    ]
}

fn searches(sizes: &Sizes) -> Vec<List> {
    let filled = sizes.filled();
    vec![
        list("search a word in 14 % of labels", |seed| {
            page(seed, 0, 1000) + "&search=" + word(seed)
        }),
        list("search a word in 14 % of labels, by label", |seed| {
            page(seed, 0, 1000) + "&sort_by=label&search=" + word(seed)
        }),
        list("search a word among Disabled, by label", |seed| {
            page(seed, 0, 500) + "&status=Disabled&sort_by=label&search=" + word(seed)
        }),
        list("search the number in a label", move |seed| {
            format!("search=-{}", seed % filled)
        }),
        list("search 6 digits inside an ICCID", move |seed| {
            format!("search={}", &iccid(seed % filled).to_string()[9..15])
        }),
        list("search the last 6 digits of an ICCID", move |seed| {
            format!("search={}", &iccid(seed % filled).to_string()[13..])
        }),
        list("search 3 digits that most have", |seed| {
            page(seed, 0, 1000) + "&search=898"
        }),
        list("search a whole ICCID", move |seed| {
            format!("search={}", iccid(seed % filled))
        }),
        list("search without a match", |seed| {
            format!("search=8982{}", 90_000 + seed % 9_000)
        }),
    ]
}

fn orders(sizes: &Sizes) -> Vec<List> {
    let reach = REACH.min(sizes.sims);
    vec![
        list("by label, first pages", |seed| {
            page(seed, 0, 1000) + "&sort_by=label"
        }),
        list("by label, any page that numbers reach", move |seed| {
            page(seed, 0, reach) + "&sort_by=label"
        }),
        list("by update, newest first, first pages", |seed| {
            page(seed, 0, 1000) + "&sort_by=updated_at&sort_order=desc"
        }),
        list("by update, any page that numbers reach", move |seed| {
            page(seed, 0, reach) + "&sort_by=updated_at"
        }),
        list("by creation, any page that numbers reach", move |seed| {
            page(seed, 0, reach) + "&sort_by=created_at"
        }),
        list("by status, any page that numbers reach", move |seed| {
            page(seed, 0, reach) + "&sort_by=status"
        }),
        list("Disabled by update, first pages", |seed| {
            page(seed, 0, 1000) + "&status=Disabled&sort_by=updated_at&sort_order=desc"
        }),
        // `fleet.sql` gives the Disabled ones none of the labels that come first.
        list("Disabled by label, first pages", |seed| {
            page(seed, 0, 1000) + "&status=Disabled&sort_by=label"
        }),
    ]
}

fn list(name: &'static str, query: impl Fn(u64) -> String + Sync + 'static) -> List {
    (name, Box::new(query))
}

/// One of the words that `fleet.sql` puts into a seventh of the labels.
fn word(seed: u64) -> &'static str {
    match seed % 3 {
        0 => "berlin",
        1 => "turin",
        _ => "cork",
    }
}

fn walks() -> [(&'static str, &'static str); 7] {
    [
        ("cursor", ""),
        ("cursor, Disabled", "&status=Disabled"),
        ("cursor, tag on 1 %", "&tag=pilot"),
        ("cursor, search", "&search=berlin"),
        ("cursor, by label", "&sort_by=label"),
        ("cursor, by update", "&sort_by=updated_at&sort_order=desc"),
        ("cursor, by status, descending", "&sort_by=status&sort_order=desc"),
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
    report.within("sync status", spread(&load), load.percentile(95), P95);
}
