//! The management API: every call goes through the same steps, then to its operation.
//!
//! Arrival → route → caller → fault → rate limit → operation → journal → delay → answer.

mod answer;
mod call;
mod connectivity;
mod events;
mod limits;
mod oauth;
mod perform;
mod quota;
pub mod route;
mod shop;
mod sims;
mod sms;
mod topup;
mod usage;
mod wire;

use std::time::{Duration, Instant};

use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use chrono::Utc;
use serde_json::{Value, json};

use crate::config::Settings;
use crate::dates::rfc3339;
use crate::faults::{Drawn, Fault, FaultBody, FaultKind};
use crate::journal::CallRecord;
use crate::world::{World, lock};
use answer::{Answer, Body};
use oauth::Login;
use route::{Group, Lookup, Op};

/// Path in front of every operation.
pub const PREFIX: &str = "/management-api";

/// A call as it arrived.
struct Arrival {
    at: Instant,
    method: String,
    path: String,
    query: String,
    authorization: Option<String>,
    content_type: String,
    base_url: String,
    address: String,
    body: Bytes,
    lookup: Lookup,
}

impl Arrival {
    fn read(req: &HttpRequest, body: Bytes) -> Self {
        let header = |name: &str| {
            req.headers()
                .get(name)
                .and_then(|v| v.to_str().ok())
                .map(str::to_owned)
        };
        let connection = req.connection_info();
        let path = req.path().to_owned();
        let inner = path.strip_prefix(PREFIX).unwrap_or(&path);
        Self {
            at: Instant::now(),
            method: req.method().to_string(),
            query: req.query_string().to_owned(),
            authorization: header("authorization"),
            content_type: header("content-type").unwrap_or_default(),
            base_url: format!("{}://{}{PREFIX}", connection.scheme(), connection.host()),
            address: req
                .peer_addr()
                .map(|peer| peer.ip().to_string())
                .unwrap_or_default(),
            body,
            lookup: route::lookup(req.method().as_str(), inner),
            path,
        }
    }

    fn login(&self) -> Login<'_> {
        Login {
            authorization: self.authorization.as_deref(),
            content_type: &self.content_type,
            body: &self.body,
        }
    }

    fn is_login(&self) -> bool {
        matches!(&self.lookup, Lookup::Found(route) if route.op == Op::Token)
    }

    fn group(&self) -> Option<Group> {
        match &self.lookup {
            Lookup::Found(route) => Some(route.group),
            Lookup::WrongMethod(_, group, _) => Some(*group),
            Lookup::Unknown(_) => None,
        }
    }

    fn endpoint(&self) -> String {
        match &self.lookup {
            Lookup::Found(route) => route.endpoint.clone(),
            // One name for all, so that counters stay few whatever is called.
            Lookup::WrongMethod(..) => format!("{} (wrong method)", self.method),
            Lookup::Unknown(_) => format!("{} (unknown)", self.method),
        }
    }
}

/// What the caller gets.
enum Reaction {
    Answer(Answer),
    /// The connection ends without an answer.
    Cut,
    /// The answer ends in the middle of its body.
    Truncated(Answer),
}

/// A reaction and why it is not the normal one.
struct Outcome {
    reaction: Reaction,
    reason: Option<String>,
}

impl Outcome {
    fn injected(reaction: Reaction, kind: FaultKind) -> Self {
        let reason = json!(kind).as_str().map(str::to_owned);
        Self { reaction, reason }
    }
}

/// Answers one call to the management API.
pub async fn handle(req: HttpRequest, body: Bytes, world: Data<World>) -> HttpResponse {
    let arrival = Arrival::read(&req, body);
    let settings = world.settings();
    let customer = caller(&world, &arrival);
    let name = customer.map(|index| lock(&world.domain).accounts[index].client_id.clone());
    let drawn = lock(&world.faults).draw(&arrival.method, &arrival.path, name.as_deref());
    let delay = drawn.delay_ms + settings.latency_ms;
    let outcome = react(&world, &arrival, customer, name.as_deref(), drawn, &settings);
    record(&world, &arrival, name, &outcome);
    if delay > 0 {
        tokio::time::sleep(Duration::from_millis(delay)).await;
    }
    match outcome.reaction {
        Reaction::Answer(answer) => wire::respond(answer, &settings),
        Reaction::Truncated(answer) => wire::respond_truncated(answer),
        Reaction::Cut => wire::cut(),
    }
}

/// The customer of a valid token, or of a valid login.
fn caller(world: &World, arrival: &Arrival) -> Option<usize> {
    if arrival.is_login() {
        return oauth::customer_of(&arrival.login(), &lock(&world.domain).accounts);
    }
    let token = arrival.authorization.as_deref()?.strip_prefix("Bearer ")?;
    lock(&world.tokens).owner(token.trim(), world.clock.now())
}

fn react(
    world: &World,
    arrival: &Arrival,
    customer: Option<usize>,
    name: Option<&str>,
    drawn: Drawn,
    settings: &Settings,
) -> Outcome {
    let fault = drawn.fault;
    if let Some(fault) = &fault {
        match fault.kind {
            FaultKind::Down => return Outcome::injected(Reaction::Cut, fault.kind),
            FaultKind::Throttle => {
                return Outcome::injected(Reaction::Answer(Answer::too_many(fault.retry_after)), fault.kind);
            }
            _ => {}
        }
    }
    if let Err(wait) = admit(world, arrival, name, settings) {
        let seconds = settings
            .retry_after
            .then(|| wait.as_millis().div_ceil(1000).max(1) as u64);
        let reason = Some("rate_limit".to_owned());
        return Outcome {
            reaction: Reaction::Answer(Answer::too_many(seconds)),
            reason,
        };
    }
    let perform = || perform::perform(world, arrival, customer, settings);
    let Some(fault) = fault else {
        return Outcome {
            reaction: Reaction::Answer(perform()),
            reason: None,
        };
    };
    let reaction = match fault.kind {
        FaultKind::Status => Reaction::Answer(injected_status(&fault)),
        FaultKind::CutBeforeEffect => Reaction::Cut,
        FaultKind::CutAfterEffect => {
            perform();
            Reaction::Cut
        }
        FaultKind::WrongJson => Reaction::Answer(misshapen(perform())),
        FaultKind::TruncatedBody => Reaction::Truncated(perform()),
        FaultKind::Delay | FaultKind::Throttle | FaultKind::Down => Reaction::Answer(perform()),
    };
    Outcome::injected(reaction, fault.kind)
}

/// Looks at the window the call falls into, at the moment it arrived.
fn admit(
    world: &World,
    arrival: &Arrival,
    customer: Option<&str>,
    settings: &Settings,
) -> Result<(), Duration> {
    let (Some(group), address) = (arrival.group(), &arrival.address) else {
        return Ok(());
    };
    let by_address = |limit, seconds| {
        let key = format!("{} {address}", group.name());
        lock(&world.address_windows)
            .of(&key)
            .admit(arrival.at, limit, Duration::from_secs(seconds))
    };
    match (group, customer) {
        (Group::Sims, None) => Ok(()),
        (Group::Sims, Some(customer)) => {
            let mut windows = lock(&world.customer_windows);
            // Arrivals of two workers may reach the lock in the other order.
            let window = Duration::from_millis(settings.rate_window_ms);
            windows
                .of(customer)
                .admit(arrival.at, settings.rate_per_second, window)
        }
        (Group::OAuth, _) => by_address(settings.oauth_per_minute, 60),
        _ => by_address(settings.management_per_5_minutes, 300),
    }
}

fn injected_status(fault: &Fault) -> Answer {
    let status = fault.status.unwrap_or(500);
    let answer = match fault.body {
        FaultBody::Json => Answer::gateway(status, "Injected fault"),
        FaultBody::Html => Answer::html(status),
        FaultBody::Empty => Answer::empty(status),
    };
    match fault.retry_after {
        Some(seconds) => answer.header("Retry-After", seconds),
        None => answer,
    }
}

/// Valid JSON that has none of the expected shape: an object for an array, an array for anything else.
fn misshapen(mut answer: Answer) -> Answer {
    answer.body = match answer.body {
        Body::Json(Value::Array(_)) => Body::Json(json!({ "result": "ok", "items": null })),
        _ => Body::Json(json!([{ "unexpected": true }, 42, null])),
    };
    answer
}

fn record(world: &World, arrival: &Arrival, customer: Option<String>, outcome: &Outcome) {
    let status = match &outcome.reaction {
        Reaction::Answer(answer) | Reaction::Truncated(answer) => Some(answer.status),
        Reaction::Cut => None,
    };
    let secret = arrival.is_login() || arrival.body.is_empty();
    lock(&world.journal).record(CallRecord {
        id: 0,
        at: rfc3339(Utc::now().timestamp_millis()),
        at_ms: arrival.at.duration_since(world.started).as_millis() as u64,
        method: arrival.method.clone(),
        path: arrival.path.clone(),
        query: arrival.query.clone(),
        endpoint: arrival.endpoint(),
        customer,
        status,
        fault: outcome.reason.clone(),
        body: (!secret).then(|| String::from_utf8_lossy(&arrival.body).into_owned()),
    });
}
