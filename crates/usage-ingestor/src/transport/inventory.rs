//! What sim-service announces and answers, to the copy of its inventory.

use std::time::Duration;

use async_nats::jetstream::Message;
use messages::pb::sim as pb;
use messages::{DecodedEvent, EVENTS, EventType, decode_event, header};
use service_runtime::Runtime;
use service_runtime::bus::{BatchLimits, ConsumerSpec, Outcome, consume_batches};
use service_runtime::shutdown::Shutdown;

use crate::app::App;
use crate::app::inventory::{bare, word};
use crate::store::Word;

const SPEC: ConsumerSpec = ConsumerSpec {
    stream: EVENTS,
    durable: "usage-inventory",
    filter: "evt.v1.sim.>",
    // Without the database the copy waits and spends none.
    max_deliver: 20,
    ack_wait: Duration::from_secs(30),
};
const LIMITS: BatchLimits = BatchLimits {
    messages: 1_000,
    bytes: 1 << 20,
};
/// Waits after a failure, doubling.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Follows the events of SIMs, and reads the whole inventory where none is known yet.
pub fn start(app: &App, runtime: &Runtime) {
    let shared = &runtime.shared;
    let (followed, end) = (app.clone(), shared.shutdown.clone());
    let handler = move |messages: Vec<Message>| {
        let (app, end) = (followed.clone(), end.clone());
        async move { handle(&app, &messages, &end).await }
    };
    let (bus, metrics, end) = (
        shared.bus.clone(),
        shared.metrics.clone(),
        shared.shutdown.clone(),
    );
    let consumer = consume_batches(bus, SPEC, LIMITS, metrics, end.clone(), handler);
    shared.shutdown.spawn(consumer);
    let app = app.clone();
    shared.shutdown.spawn(async move {
        end.or(read_first(&app, &end)).await;
    });
}

/// Until some SIM is known or the inventory was read to its end.
async fn read_first(app: &App, end: &Shutdown) {
    let mut wait = FIRST_WAIT;
    loop {
        let outcome = match app.store.knows_sims().await {
            Ok(true) => return,
            Ok(false) => app.read_inventory().await,
            Err(error) => Err(error.into()),
        };
        match outcome {
            Ok(sims) => return tracing::info!(sims, "the inventory was read"),
            Err(error) => tracing::warn!(%error, "the inventory is read again later"),
        }
        end.sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// Takes the events over together; when that can never succeed, each alone, so that a bad one costs only itself.
async fn handle(app: &App, messages: &[Message], end: &Shutdown) -> Vec<Outcome> {
    let told: Vec<Result<Option<Word>, String>> = messages.iter().map(read).collect();
    let words: Vec<Word> = told.iter().flatten().flatten().cloned().collect();
    let together = learn(app, words, end).await;
    let mut outcomes = Vec::with_capacity(messages.len());
    for told in told {
        outcomes.push(match (told, &together) {
            (Err(reason), _) => Outcome::Poison(reason),
            (Ok(None), _) => Outcome::Done,
            (Ok(Some(word)), Outcome::Poison(_)) => learn(app, vec![word], end).await,
            (Ok(Some(_)), outcome) => outcome.clone(),
        });
    }
    outcomes
}

/// Tries until the database has taken it or says that it never will.
async fn learn(app: &App, words: Vec<Word>, end: &Shutdown) -> Outcome {
    let mut wait = FIRST_WAIT;
    loop {
        match app.learn(words.clone()).await {
            Ok(()) => return Outcome::Done,
            Err(error) if error.is_permanent() => return Outcome::Poison(error.to_string()),
            Err(error) => tracing::warn!(%error, "the copy of the inventory waits for the database"),
        }
        if !end.sleep(wait).await {
            return Outcome::Retry(Duration::ZERO);
        }
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// What an event tells; `None` for a kind that is of no use here.
fn read(message: &Message) -> Result<Option<Word>, String> {
    let kind = message
        .headers
        .as_ref()
        .and_then(|headers| headers.get(header::TYPE));
    let Some(event) = kind.and_then(|kind| EventType::from_word(kind.as_str())) else {
        return Ok(None);
    };
    let decoded = decode_event(event, &message.payload).map_err(|error| error.to_string())?;
    told(decoded).transpose()
}

fn told(event: DecodedEvent) -> Option<Result<Word, String>> {
    Some(match event {
        DecodedEvent::SimDiscovered(event) => match event.sim {
            Some(sim) => word(member(sim)),
            None => Err("an event without its SIM".to_owned()),
        },
        DecodedEvent::SimConfigUpdated(event) => {
            let tags = event.changed_fields.iter().any(|field| field == "tags");
            let tags = tags.then_some(event.tags);
            let word = bare(
                &event.iccid,
                event.account,
                &event.organization_id,
                event.revision,
            );
            word.map(|word| Word { tags, ..word })
        }
        DecodedEvent::SimStatusChanged(event) => bare(
            &event.iccid,
            event.account,
            &event.organization_id,
            event.revision,
        ),
        DecodedEvent::SimImeiChanged(event) => bare(
            &event.iccid,
            event.account,
            &event.organization_id,
            event.revision,
        ),
        DecodedEvent::SimMissing(event) => {
            let word = bare(
                &event.iccid,
                event.account,
                &event.organization_id,
                event.revision,
            );
            let missing = Some(true);
            word.map(|word| Word { missing, ..word })
        }
        _ => return None,
    })
}

/// A discovered SIM is listed.
fn member(sim: pb::Sim) -> pb::Member {
    pb::Member {
        iccid: sim.iccid,
        account: sim.account,
        organization_id: sim.organization_id,
        revision: sim.revision,
        tags: sim.tags,
        missing: false,
    }
}
