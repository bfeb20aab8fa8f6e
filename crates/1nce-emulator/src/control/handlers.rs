//! Calls, statistics, settings, time, tokens and faults.

use actix_web::web::{Data, Json, Path, Query};
use actix_web::{HttpResponse, Responder};
use serde_json::{Value, json};

use super::types::{Advance, CustomerStats, Id, Refusal, Stats, Time};
use crate::account::Account;
use crate::dates::rfc3339;
use crate::faults::{Fault, FaultBody};
use crate::journal::CallFilter;
use crate::limiter::SlidingWindow;
use crate::world::{World, lock};

/// A refusal with its reason.
pub fn refuse(status: u16, error: impl ToString) -> HttpResponse {
    let status = actix_web::http::StatusCode::from_u16(status).unwrap_or_default();
    HttpResponse::build(status).json(Refusal {
        error: error.to_string(),
    })
}

/// What there is.
pub async fn index() -> impl Responder {
    Json(json!({
        "service": "once-emulator", "api": crate::api::PREFIX,
        "control": [
            "GET health", "GET|DELETE calls", "GET stats", "GET|POST config", "GET|POST time", "DELETE tokens",
            "GET|POST|DELETE faults", "DELETE faults/{id}", "GET|POST sims", "GET|PATCH|DELETE sims/{iccid}",
            "POST sims/{iccid}/sms", "POST sims/{iccid}/events", "GET orders", "PATCH orders/{number}",
            "GET|POST streams", "GET|DELETE streams/{id}", "POST streams/{id}/restart|pause|resume",
            "GET usage-truth",
        ],
    }))
}

/// Nothing of that name.
pub async fn nothing() -> HttpResponse {
    refuse(404, "no such control call")
}

/// Ready to be used.
pub async fn health() -> impl Responder {
    Json(json!({ "status": "ok" }))
}

/// Received calls, oldest first.
pub async fn calls(world: Data<World>, filter: Query<CallFilter>) -> impl Responder {
    let calls = lock(&world.journal).select(&filter);
    Json(calls)
}

/// Forgets calls and counters.
pub async fn reset_calls(world: Data<World>) -> impl Responder {
    lock(&world.journal).reset();
    lock(&world.customer_windows).reset_counters();
    lock(&world.address_windows).reset_counters();
    HttpResponse::NoContent()
}

/// Counters.
pub async fn stats(world: Data<World>) -> impl Responder {
    let mut stats = Stats {
        tokens_issued: lock(&world.tokens).issued_total,
        ..Stats::default()
    };
    {
        let journal = lock(&world.journal);
        stats.calls = journal.by_endpoint().values().sum();
        stats.throttled = journal.by_status().get("429").copied().unwrap_or_default();
        stats.calls_by_endpoint = journal.by_endpoint().clone();
        stats.calls_by_status = journal.by_status().clone();
    }
    let (domain, _) = world.settled();
    let windows = lock(&world.customer_windows);
    stats.fleet = domain.accounts.iter().map(|account| account.fleet.len()).sum();
    for user in &world.users {
        let entry = customer_stats(&domain.accounts[user.account], windows.get(&user.window));
        stats.max_in_any_second = stats.max_in_any_second.max(entry.max_in_any_second);
        stats.customers.insert(user.client_id.clone(), entry);
    }
    stats.violations = windows.violations() + lock(&world.address_windows).violations();
    Json(stats)
}

fn customer_stats(account: &Account, window: Option<&SlidingWindow>) -> CustomerStats {
    CustomerStats {
        fleet: account.fleet.len(),
        changed_sims: account.changed_sims(),
        orders: account.orders.len(),
        queued: account.queued(),
        carried_out: account.carried_out,
        violations: window.map_or(0, |w| w.violations),
        max_in_any_second: window.map_or(0, |w| w.max_offered),
        max_admitted_in_any_second: window.map_or(0, |w| w.max_admitted),
    }
}

/// The settings now.
pub async fn settings(world: Data<World>) -> impl Responder {
    Json(world.settings())
}

/// Changes the settings named in a partial object.
pub async fn change_settings(world: Data<World>, partial: Json<Value>) -> HttpResponse {
    let changed = world.settings().merged(&partial);
    match changed.and_then(|settings| settings.check().map(|()| settings)) {
        Ok(settings) => {
            world.set_settings(settings.clone());
            HttpResponse::Ok().json(settings)
        }
        Err(error) => refuse(400, error),
    }
}

fn clock(world: &World) -> Time {
    Time {
        now: rfc3339(world.clock.now()),
        offset_seconds: world.clock.offset_seconds(),
    }
}

/// The emulated moment.
pub async fn time(world: Data<World>) -> impl Responder {
    Json(clock(&world))
}

/// Travels, and lets everything that became due happen.
pub async fn advance(world: Data<World>, by: Json<Advance>) -> HttpResponse {
    const CENTURY: i64 = 100 * 365 * 86_400;
    if by.advance_seconds.abs() > CENTURY {
        return refuse(400, "a journey is at most a hundred years");
    }
    world.clock.advance(by.advance_seconds);
    drop(world.settled());
    lock(&world.streams).wake();
    HttpResponse::Ok().json(clock(&world))
}

/// Makes all tokens worthless.
pub async fn revoke(world: Data<World>) -> impl Responder {
    lock(&world.tokens).revoke_all();
    HttpResponse::NoContent()
}

/// The rules and how often they hit.
pub async fn faults(world: Data<World>) -> impl Responder {
    Json(lock(&world.faults).list().to_vec())
}

/// Adds a rule.
pub async fn add_fault(world: Data<World>, fault: Json<Fault>) -> HttpResponse {
    let fault = fault.into_inner();
    if !(0.0..=1.0).contains(&fault.probability) {
        return refuse(400, "probability is between 0 and 1");
    }
    if fault.status.is_some_and(|status| !(200..=599).contains(&status)) {
        return refuse(400, "status is between 200 and 599");
    }
    if fault
        .status
        .is_some_and(|status| [204, 205, 304].contains(&status))
        && fault.body != FaultBody::Empty
    {
        return refuse(400, "204, 205 and 304 have no body: it must be empty");
    }
    let id = lock(&world.faults).add(fault);
    HttpResponse::Created().json(Id { id: id as i64 })
}

/// Removes all rules.
pub async fn clear_faults(world: Data<World>) -> impl Responder {
    lock(&world.faults).clear();
    HttpResponse::NoContent()
}

/// Removes one rule.
pub async fn remove_fault(world: Data<World>, id: Path<u64>) -> HttpResponse {
    if lock(&world.faults).remove(*id) {
        HttpResponse::NoContent().finish()
    } else {
        refuse(404, "no such fault")
    }
}
