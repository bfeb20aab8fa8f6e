//! The gateways of one installation know each other, so that a change can wait until all have forgotten what was before.
//!
//! Everything they say to each other arrives on one subscription, hence in the order of the server. Whoever tells of a
//! change hears itself too: when it does, it has heard of every replica that could have read the old state.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_nats::{Message, Subscriber};
use futures_util::StreamExt;
use metrics::{Counter, Gauge};
use serde::{Deserialize, Serialize};
use service_runtime::bus::{Bus, BusError};
use service_runtime::ignored::Ignored;
use service_runtime::metrics::Metrics;
use service_runtime::shutdown::Shutdown;
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval, timeout};
use uuid::Uuid;

use super::trust::clock_ms;
use super::{Change, SharedCache, SimCache};
use crate::seldom::Seldom;

const ALIVE: &str = "gw.v1.alive";
const GONE: &str = "gw.v1.gone";
const CHANGED: &str = "gw.v1.changed";
const ALL: &str = "gw.v1.*";

const BEAT: Duration = Duration::from_secs(1);
/// Nobody waits for a replica that was silent that long; its own lease has ended before.
const SILENCE: Duration = Duration::from_secs(3);
/// The longest wait for the queue of the client.
const SEND: Duration = Duration::from_millis(200);
/// How long the first heartbeat may be on its way.
const JOIN: Duration = Duration::from_secs(5);
/// How often a wait looks whether somebody has left meanwhile.
const LOOK: Duration = Duration::from_millis(20);
/// Changes in one message, far below its largest size.
const CHUNK: usize = 5000;

#[derive(Serialize, Deserialize)]
struct Heartbeat {
    replica: Uuid,
    /// By the sender's own clock, which only it can read.
    sent_ms: u64,
}

/// The replicas that are heard of, and how to tell them.
pub(crate) struct Replicas {
    id: Uuid,
    bus: Bus,
    /// The longest wait for all of them.
    limit: Duration,
    heard: Mutex<HashMap<Uuid, Instant>>,
    live: Gauge,
    told: Counter,
    untold: Counter,
    complaints: Seldom,
}

impl Replicas {
    pub fn new(bus: Bus, limit: Duration, metrics: &Metrics) -> Self {
        let count = |result| metrics.counter("simward_replica_acks_total", &[("result", result)]);
        Self {
            id: Uuid::new_v4(),
            bus,
            limit,
            heard: Mutex::default(),
            live: metrics.gauge("simward_replicas", &[]),
            told: count("complete"),
            untold: count("timeout"),
            complaints: Seldom::default(),
        }
    }

    /// Waits until no replica answers anything older than these changes, at most the configured time: call it after
    /// every change and before its answer. `false` when some replica did not say so in time; that is counted and
    /// logged, and its own lease ends within three seconds.
    pub async fn tell(&self, changes: &[Change]) -> bool {
        let work = async {
            for changes in changes.chunks(CHUNK) {
                self.tell_some(changes).await?;
            }
            Ok::<_, String>(())
        };
        let outcome = timeout(self.limit, work)
            .await
            .unwrap_or_else(|_| Err("no answer in time".to_owned()));
        let Err(error) = outcome else {
            self.told.increment(1);
            return true;
        };
        self.untold.increment(1);
        if let Some(held_back) = self.complaints.pass() {
            tracing::warn!(%error, held_back, "not every replica is known to have forgotten what changed");
        }
        false
    }

    async fn tell_some(&self, changes: &[Change]) -> Result<(), String> {
        // What is sent without a connection would arrive long after everybody gave up.
        while self.bus.check().is_err() {
            tokio::time::sleep(LOOK).await;
        }
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let payload = serde_json::to_vec(changes).map_err(|error| text(&error))?;
        let client = self.bus.client();
        let inbox = client.new_inbox();
        let acks = client.subscribe(inbox.clone()).await;
        let mut acks = acks.map_err(|error| text(&error))?;
        client
            .publish_with_reply(self.subject(CHANGED), inbox, payload.into())
            .await
            .map_err(|error| text(&error))?;
        let mut done = HashSet::new();
        while !self.all_in(&done) {
            match timeout(LOOK, acks.next()).await {
                Ok(Some(ack)) => done.extend(Uuid::from_slice(&ack.payload)),
                Ok(None) => return Err("the subscription ended".to_owned()),
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// Our own word comes first: with it everybody is known who must give theirs.
    fn all_in(&self, done: &HashSet<Uuid>) -> bool {
        done.contains(&self.id)
            && self
                .heard()
                .iter()
                .all(|(id, last)| done.contains(id) || last.elapsed() >= SILENCE)
    }

    fn heard(&self) -> MutexGuard<'_, HashMap<Uuid, Instant>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn subject(&self, rest: &str) -> String {
        self.bus.subjects().prefixed(rest)
    }

    async fn subscribe(&self) -> Result<Subscriber, BusError> {
        let client = self.bus.client();
        let messages = client.subscribe(self.subject(ALL)).await;
        messages.map_err(|error| BusError::Subscribe {
            what: "the other gateways".to_owned(),
            reason: error.to_string(),
        })
    }

    async fn beat(&self) {
        let live = {
            let mut heard = self.heard();
            heard.retain(|_, last| last.elapsed() < SILENCE);
            heard.len() + 1
        };
        self.live.set(live as f64);
        let heartbeat = Heartbeat {
            replica: self.id,
            sent_ms: clock_ms(),
        };
        match serde_json::to_vec(&heartbeat) {
            Ok(payload) => self.send(self.subject(ALIVE), payload).await,
            Err(error) => tracing::error!(%error, "a heartbeat cannot be written"),
        }
    }

    /// Nothing is sent without a connection; the next heartbeat is more useful than an old one.
    async fn send(&self, subject: String, payload: Vec<u8>) {
        if self.bus.check().is_ok() {
            let sent = self.bus.client().publish(subject, payload.into());
            if !matches!(timeout(SEND, sent).await, Ok(Ok(()))) {
                tracing::warn!("NATS did not take a word to the other gateways");
            }
        }
    }

    async fn hear(&self, message: &Message, cache: &SimCache, connects: &mut u64) {
        let subject = message.subject.as_str();
        if subject.ends_with(ALIVE) {
            let Ok(heartbeat) = serde_json::from_slice::<Heartbeat>(&message.payload) else {
                return;
            };
            if heartbeat.replica == self.id {
                self.renew(heartbeat.sent_ms, cache, connects);
            } else {
                self.heard().insert(heartbeat.replica, Instant::now());
            }
        } else if subject.ends_with(GONE) {
            if let Ok(id) = Uuid::from_slice(&message.payload) {
                self.heard().remove(&id);
            }
        } else if let (Ok(changes), Some(reply)) = (
            serde_json::from_slice::<Vec<Change>>(&message.payload),
            &message.reply,
        ) {
            cache.bury(&changes);
            self.send(reply.to_string(), self.id.as_bytes().to_vec()).await;
        }
    }

    /// What was said while another connection stood, or none, may have been missed.
    fn renew(&self, sent_ms: u64, cache: &SimCache, connects: &mut u64) {
        let connected = self.bus.client().statistics().connects.load(Ordering::Relaxed);
        if *connects != connected {
            *connects = connected;
            cache.forget_all();
        }
        cache.lease.renew(sent_ms);
    }
}

/// As long as it is held the other gateways know of this one; dropping it says goodbye.
pub(crate) struct Membership {
    _leave: oneshot::Sender<Infallible>,
}

/// Begins to listen to the other gateways and to be heard by them. Before that, memory is not believed.
pub(crate) async fn join_replicas(
    replicas: Arc<Replicas>,
    cache: SharedCache,
    shutdown: &Shutdown,
) -> Result<Membership, BusError> {
    let mut messages = replicas.subscribe().await?;
    let mut connects = 0;
    replicas.beat().await;
    let first = async {
        while !cache.lease.holds() {
            match messages.next().await {
                Some(message) => replicas.hear(&message, &cache, &mut connects).await,
                None => break,
            }
        }
    };
    timeout(JOIN, first)
        .await
        .map_err(|_| BusError::Connect("no message of ours comes back".to_owned()))?;
    let (leave, left) = oneshot::channel();
    shutdown.spawn(async move {
        stay(&replicas, &cache, messages, connects, left).await;
        let goodbye = replicas.send(replicas.subject(GONE), replicas.id.as_bytes().to_vec());
        goodbye.await;
        let flushed = timeout(SEND, replicas.bus.client().flush()).await;
        flushed.ignored("saying goodbye to the other gateways");
    });
    Ok(Membership { _leave: leave })
}

/// Until the membership is dropped.
async fn stay(
    replicas: &Replicas,
    cache: &SharedCache,
    mut messages: Subscriber,
    mut connects: u64,
    mut left: oneshot::Receiver<Infallible>,
) {
    let mut beat = interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = &mut left => return,
            _ = beat.tick() => replicas.beat().await,
            message = messages.next() => match message {
                Some(message) => replicas.hear(&message, cache, &mut connects).await,
                None => {
                    cache.lease.end();
                    messages = match again(replicas, &mut left).await {
                        Some(messages) => messages,
                        None => return,
                    };
                    cache.forget_all();
                }
            },
        }
    }
}

/// Subscribes again; `None` when the membership ends first.
async fn again(replicas: &Replicas, left: &mut oneshot::Receiver<Infallible>) -> Option<Subscriber> {
    loop {
        tokio::select! {
            _ = &mut *left => return None,
            () = tokio::time::sleep(SEND) => match replicas.subscribe().await {
                Ok(messages) => return Some(messages),
                Err(error) => tracing::warn!(%error, "the other gateways cannot be heard"),
            },
        }
    }
}
