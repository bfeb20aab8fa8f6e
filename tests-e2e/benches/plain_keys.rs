//! Keys with the limits that a key has unless set otherwise.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use serde_json::json;
use tokio::task::block_in_place;

use crate::fleet::Fleet;
use crate::gets::CONNECTIONS;
use crate::load::{Limit, run, write_get};
use crate::process::cpu_time;
use crate::report::Report;
use crate::sizes::Sizes;

/// Requests with each key, of the 100 that it has in a minute: one makes it known to the process, the rest is measured.
const MEASURED: usize = 90;
const ROUNDS: usize = 3;
/// Rounds end by their requests.
const LONGEST: Duration = Duration::from_secs(60);

/// The same SIM again and again, with the key without limits and with others inside theirs, by turns. What counts is the
/// work of the process: so short a time has no rate.
pub async fn warm(report: &mut Report, fleet: &Fleet, sizes: &Sizes) {
    let path = format!("/api/v1/sims/{}", fleet.swept);
    let (mut plain, mut free) = (Duration::ZERO, Duration::ZERO);
    for round in 0..ROUNDS {
        let keys = keys(fleet, round, sizes.plain_keys).await;
        let with = |requests: usize, keys: &[String]| {
            let write =
                |number: usize, text: &mut Vec<u8>| write_get(text, &path, &keys[number % keys.len()]);
            let limit = Limit {
                time: LONGEST,
                requests,
            };
            let began = cpu_time();
            let load = block_in_place(|| run(fleet.addr, CONNECTIONS, limit, write));
            assert_eq!(load.count(), requests, "all were answered in time");
            cpu_time() - began
        };
        with(keys.len(), &keys);
        free += with(keys.len() * MEASURED, std::slice::from_ref(&fleet.key));
        plain += with(keys.len() * MEASURED, &keys);
    }
    let requests = ROUNDS * sizes.plain_keys * MEASURED;
    let each = |time: Duration| format!("{:.1} us", time.as_secs_f64() * 1e6 / requests as f64);
    report.at_most(
        "get, warm, keys of default limits, work each",
        each(plain),
        format!("{}, key with high limits", each(free)),
        plain.as_secs_f64() / free.as_secs_f64(),
        1.1,
    );
}

/// New keys that read SIMs.
async fn keys(fleet: &Fleet, round: usize, count: usize) -> Vec<String> {
    let simward = fleet.sandbox.simward();
    let make = move |number: usize| async move {
        let wanted = json!({ "name": format!("plain-{round}-{number}"), "scopes": ["read:sims"] });
        let made = simward.request("POST", "/api/v1/api-keys", Some(wanted)).await;
        let (status, body) = made.expect("an answer");
        assert_eq!(status, 201, "{body}");
        body["data"]["key"].as_str().expect("a key").to_owned()
    };
    stream::iter((0..count).map(make)).buffered(8).collect().await
}
