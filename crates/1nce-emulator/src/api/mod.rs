//! The management API: every call goes through the same steps, then to its operation.
//!
//! The way → arrival → route → caller → early fault → rate limit → other fault → operation → journal → delay → answer.

mod answer;
mod arrival;
mod call;
mod connectivity;
mod ended;
pub mod events;
mod limits;
mod list;
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

use std::time::Duration;

use actix_web::web::{Bytes, Data};
use actix_web::{Error, HttpRequest, HttpResponse};
use chrono::Utc;
use serde_json::{Value, json};

use crate::config::{Manner, Settings};
use crate::dates::rfc3339;
use crate::faults::{Drawn, Fate, Fault, FaultBody, FaultKind};
use crate::journal::{CallRecord, excerpt};
use crate::world::{User, World, lock};
use answer::{Answer, Body};
use arrival::{Arrival, after_scheme};
use route::Group;

/// Path in front of every operation.
pub const PREFIX: &str = "/management-api";

/// What the caller gets.
enum Reaction {
    Answer(Answer),
    /// The connection ends without an answer.
    Cut,
    /// The answer ends in the middle of its body.
    Truncated(Answer),
    /// The connection ends without an answer, much later.
    Hang,
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

/// Answers one call: of the management API, or to a path that leads nowhere.
pub async fn handle(req: HttpRequest, body: Result<Bytes, Error>, world: Data<World>) -> HttpResponse {
    let late = lock(&world.faults).late(req.method().as_str(), req.path());
    let way = world.settings().arrival() + late;
    if way == 0 {
        return answer(&req, body, &world).await;
    }
    // What is on its way arrives, even if its caller is gone by then.
    let arriving = actix_web::rt::spawn(async move {
        tokio::time::sleep(Duration::from_millis(way)).await;
        answer(&req, body, &world).await
    });
    arriving.await.unwrap_or_else(|error| {
        tracing::error!(%error, "a call was lost on its way");
        wire::cut()
    })
}

/// Acts on a call that has arrived.
async fn answer(req: &HttpRequest, body: Result<Bytes, Error>, world: &World) -> HttpResponse {
    let settings = world.settings();
    let arrival = Arrival::read(req, body, &settings);
    let user = caller(world, &arrival);
    let drawn = draw(world, &arrival, user, &settings);
    let delay = drawn.delay_ms + settings.latency();
    let outcome = react(world, &arrival, user, drawn.fate, &settings);
    record(world, &arrival, user, &outcome);
    if delay > 0 {
        tokio::time::sleep(Duration::from_millis(delay)).await;
    }
    let wire = wire::Wire::to(&arrival, &settings);
    match outcome.reaction {
        Reaction::Answer(answer) => wire.respond(answer),
        Reaction::Truncated(answer) => wire.respond_truncated(answer),
        Reaction::Cut => wire::cut(),
        Reaction::Hang => {
            tokio::time::sleep(Duration::from_secs(settings.hang_seconds)).await;
            wire::cut()
        }
    }
}

/// The user of a valid token, or of a valid login.
fn caller<'w>(world: &'w World, arrival: &Arrival) -> Option<&'w User> {
    let place = if arrival.is_login() {
        oauth::user_of(&arrival.login(), &world.users)
    } else {
        let token = after_scheme(arrival.authorization.as_deref()?, "Bearer")?;
        lock(&world.tokens).owner(token, world.clock.now())
    };
    world.users.get(place?)
}

/// Counts the call, then lets faults and rate limit decide about it.
fn draw(world: &World, arrival: &Arrival, user: Option<&User>, settings: &Settings) -> Drawn {
    if let (Some(Group::Sims), Some(user)) = (arrival.group, user) {
        let window = Duration::from_millis(settings.rate_window_ms);
        lock(&world.customer_windows)
            .of(&user.window)
            .offer(arrival.at, window);
    }
    let name = user.map(|user| user.client_id.as_str());
    let admit = || admit(world, arrival, user, settings);
    lock(&world.faults).draw(&arrival.method, &arrival.path, name, admit)
}

fn react(world: &World, arrival: &Arrival, user: Option<&User>, fate: Fate, settings: &Settings) -> Outcome {
    let perform = || perform::perform(world, arrival, user.map(|user| user.account), settings);
    let hangs = || settings.ended(&arrival.method, &arrival.path) == Some(Manner::Hang);
    let fault = match fate {
        Fate::Normal if hangs() => {
            return Outcome {
                reaction: Reaction::Hang,
                reason: Some("hang".to_owned()),
            };
        }
        Fate::Normal => {
            return Outcome {
                reaction: Reaction::Answer(perform()),
                reason: None,
            };
        }
        Fate::OverLimit(wait) => return over_limit(wait, settings),
        Fate::Fault(fault) => fault,
    };
    let reaction = match fault.kind {
        FaultKind::Down | FaultKind::CutBeforeEffect => Reaction::Cut,
        FaultKind::Throttle => Reaction::Answer(Answer::too_many(fault.retry_after)),
        FaultKind::Status => Reaction::Answer(injected_status(&fault)),
        FaultKind::CutAfterEffect => {
            perform();
            Reaction::Cut
        }
        FaultKind::WrongJson => Reaction::Answer(misshapen(perform())),
        FaultKind::TruncatedBody => match perform() {
            // Nothing of an empty body can arrive in part.
            answer if answer.body == Body::Empty => Reaction::Cut,
            answer => Reaction::Truncated(answer),
        },
        FaultKind::Delay | FaultKind::LateArrival => Reaction::Answer(perform()),
    };
    Outcome::injected(reaction, fault.kind)
}

fn over_limit(wait: Duration, settings: &Settings) -> Outcome {
    let seconds = wait.as_millis().div_ceil(1000).max(1) as u64;
    Outcome {
        reaction: Reaction::Answer(Answer::too_many(settings.retry_after.then_some(seconds))),
        reason: Some("rate_limit".to_owned()),
    }
}

/// Looks at the window the call falls into, at the moment it arrived.
fn admit(world: &World, arrival: &Arrival, user: Option<&User>, settings: &Settings) -> Result<(), Duration> {
    let Some(group) = arrival.group else {
        return Ok(());
    };
    let by_address = |limit, seconds| {
        // Without a limit nothing reads the window, so nothing is kept for five minutes.
        if limit == 0 {
            return Ok(());
        }
        let key = format!("{} {}", group.name(), arrival.address);
        lock(&world.address_windows).of(&key).admit(
            arrival.at,
            limit,
            Duration::from_secs(seconds),
            settings.refused_calls_count,
        )
    };
    match (group, user) {
        (Group::Sims, None) => Ok(()),
        (Group::Sims, Some(user)) => {
            let mut windows = lock(&world.customer_windows);
            // Arrivals of two workers may reach the lock in the other order.
            let window = Duration::from_millis(settings.rate_window_ms);
            windows.of(&user.window).admit(
                arrival.at,
                settings.rate_per_second,
                window,
                settings.refused_calls_count,
            )
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
    if answer.status == 204 {
        // A body behind a 204 would be read as the next answer.
        answer.status = 200;
    }
    answer.body = match answer.body {
        Body::Json(Value::Array(_)) => Body::Json(json!({ "result": "ok", "items": null })),
        _ => Body::Json(json!([{ "unexpected": true }, 42, null])),
    };
    answer
}

fn record(world: &World, arrival: &Arrival, user: Option<&User>, outcome: &Outcome) {
    let status = match &outcome.reaction {
        Reaction::Answer(answer) | Reaction::Truncated(answer) => Some(answer.status),
        Reaction::Cut | Reaction::Hang => None,
    };
    let secret = arrival.is_login() || arrival.body.is_empty();
    lock(&world.journal).record(CallRecord {
        id: 0,
        at: rfc3339(Utc::now().timestamp_millis()),
        at_ms: arrival.at.duration_since(world.started).as_millis() as u64,
        method: arrival.method.clone(),
        path: excerpt(arrival.path.as_bytes()),
        query: excerpt(arrival.query.as_bytes()),
        endpoint: arrival.endpoint(),
        customer: user.map(|user| user.client_id.clone()),
        status,
        fault: outcome.reason.clone(),
        body: (!secret).then(|| excerpt(&arrival.body)),
    });
}
