//! `GET /sims`: pages of the fleet, filtered, sorted, and as unstable as asked for (FACTS §4).

use std::borrow::Cow;

use serde_json::Value;

use super::answer::Answer;
use super::call::{Call, Page};
use super::sims::sim_json;
use crate::account::Account;
use crate::fleet::SimIndex;

/// The most rows by which an unstable order is shifted.
const SHIFT: usize = 3;

/// `GET /sims`.
pub fn list(call: &Call<'_>, account: &mut Account) -> Result<Answer, Answer> {
    let page = call.page("pageSize", 10, 100)?;
    let filtered = filtered(call, account)?;
    let (total, shown) = match filtered {
        Some(sims) => (sims.len(), page.of(&sims).to_vec()),
        None => whole(call, account, page),
    };
    let items = shown
        .iter()
        .map(|sim| sim_json(call, &account.view(*sim, call.now), false))
        .collect();
    Ok(call.paged(Answer::json(200, Value::Array(items)), page, total))
}

fn sort<'c>(call: &'c Call<'_>) -> Option<&'c String> {
    call.query.get("sort").filter(|sort| !sort.is_empty())
}

/// A page of the whole fleet, and how many SIMs that is.
fn whole(call: &Call<'_>, account: &mut Account, page: Page) -> (usize, Vec<SimIndex>) {
    let left: Vec<SimIndex> = account.lingering().collect();
    let order = match sort(call) {
        Some(sort) => account.sorted(sort, call.now),
        None => account.fleet.order(),
    };
    let hybrid = call.settings.v2_only_from.is_some() && !call.v2();
    let order: Cow<'_, [SimIndex]> = if hybrid || !left.is_empty() {
        let listed = order.iter().chain(&left).copied();
        listed.filter(|sim| call.knows(*sim)).collect()
    } else {
        order.into()
    };
    let shown = match shift(call, order.len()) {
        Some(shift) => {
            let places: Vec<usize> = (0..order.len()).collect();
            let place = |place: &usize| order[(place + shift) % order.len()];
            page.of(&places).iter().map(place).collect()
        }
        None => page.of(&order).to_vec(),
    };
    (order.len(), shown)
}

/// By how many rows the order of this call differs from the usual one, if it does.
fn shift(call: &Call<'_>, rows: usize) -> Option<usize> {
    let unstable = sort(call).is_none() && rand::random::<f64>() < call.settings.list_disorder;
    let by = 1 + usize::from(rand::random::<u8>()) % SHIFT;
    let forward = rand::random::<bool>();
    (unstable && rows > SHIFT).then(|| if forward { by } else { rows - by })
}

/// SIMs that satisfy every `field:value` of `q`, sorted as asked; none if there is no `q`.
fn filtered(call: &Call<'_>, account: &mut Account) -> Result<Option<Vec<SimIndex>>, Answer> {
    let Some(q) = call.query.get("q").filter(|q| !q.is_empty()) else {
        return Ok(None);
    };
    let mut found: Option<Vec<SimIndex>> = None;
    for criterion in q.split(',') {
        let hits = match criterion.trim().split_once(':') {
            Some(("imei", imei)) => account.with_imei(imei, call.now),
            Some(("ip_address", address)) => account.with_ip_address(address, call.now),
            _ => return Err(call.fail(400, &format!("Unknown filter \"{criterion}\""))),
        };
        found = Some(match found {
            None => hits,
            Some(before) => before.into_iter().filter(|sim| hits.contains(sim)).collect(),
        });
    }
    let mut sims = found.unwrap_or_default();
    sims.retain(|sim| call.knows(*sim));
    if let Some(sort) = sort(call) {
        let rank = account.sorted(sort, call.now);
        sims.sort_by_key(|sim| rank.iter().position(|other| other == sim));
    }
    Ok(Some(sims))
}
