//! Cuts due records into batches, with the disorder, repetitions and garbage a stream is told to make.

use std::collections::VecDeque;
use std::io::Write;

use actix_web::web::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use super::source::Due;
use super::types::{StreamConfig, StreamKind};
use crate::account::Account;
use crate::clock::Millis;

/// The ids of garbage, so that an element taken for a record never hides one.
const GARBAGE_IDS: u64 = 9_000_000_000_000_000_000;
/// How many batches later something held back comes at the latest.
const LATEST: u32 = 3;

/// A request body and what is in it.
#[derive(Debug, Clone)]
pub struct Batch {
    pub body: Bytes,
    /// Records that were in no batch before.
    pub fresh: u64,
    /// Records that were.
    pub repeated: u64,
    pub garbage: u64,
    /// When the oldest of the fresh records became due.
    pub oldest: Option<Millis>,
}

impl Batch {
    /// All elements.
    pub fn len(&self) -> u64 {
        self.fresh + self.repeated + self.garbage
    }
}

/// Records on their way into batches.
#[derive(Debug)]
pub struct Mixer {
    config: StreamConfig,
    random: StdRng,
    pub ready: VecDeque<Due>,
    /// Records held back, for so many batches.
    held: Vec<(u32, Due)>,
    /// Records that the next batch repeats, as they were written.
    again: Vec<String>,
    /// Batches to be repeated, after so many others.
    later: Vec<(u32, Batch)>,
    bad: u64,
}

impl Mixer {
    pub fn new(config: StreamConfig, seed: u64) -> Self {
        Self {
            config,
            random: StdRng::seed_from_u64(seed),
            ready: VecDeque::new(),
            held: Vec::new(),
            again: Vec::new(),
            later: Vec::new(),
            bad: 0,
        }
    }

    /// Whether the next batch would be complete.
    pub fn full(&self) -> bool {
        self.ready.len() >= self.config.batch_size
    }

    /// Whether there is nothing to send.
    pub fn empty(&self) -> bool {
        self.ready.is_empty() && self.held.is_empty() && self.again.is_empty() && self.later.is_empty()
    }

    /// When the oldest waiting record became due.
    pub fn oldest(&self) -> Option<Millis> {
        let held = self.held.iter().map(|(_, due)| due.at());
        held.chain(self.ready.front().map(Due::at)).min()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.ready.clear();
        self.held.clear();
        self.again.clear();
        self.later.clear();
    }

    /// Plans the repetition of an acknowledged batch.
    pub fn acknowledged(&mut self, batch: &Batch) {
        if batch.fresh > 0 && self.random.random_bool(self.config.duplicates) {
            let again = Batch {
                fresh: 0,
                repeated: batch.fresh + batch.repeated,
                oldest: None,
                ..batch.clone()
            };
            let wait = self.random.random_range(1..=LATEST);
            self.later.push((wait, again));
        }
    }

    /// The next batch, none when there is nothing to send. `flush` holds nothing back any more.
    pub fn next(&mut self, account: &Account, now: Millis, flush: bool) -> Option<Batch> {
        if let Some(batch) = self.repeated_batch(flush) {
            return Some(batch);
        }
        let mut elements = std::mem::take(&mut self.again);
        let repeated = elements.len();
        let chosen = self.choose(
            self.config.batch_size - repeated.min(self.config.batch_size),
            flush,
        );
        if elements.is_empty() && chosen.is_empty() {
            return None;
        }
        for due in &chosen {
            let text = due.written(account, self.config.generation, now);
            if self.random.random_bool(self.config.duplicates) {
                self.again.push(text.clone());
            }
            elements.push(text);
        }
        let garbage = self.spoil(&mut elements);
        Some(Batch {
            body: self.packed(&elements),
            fresh: chosen.len() as u64,
            repeated: repeated as u64,
            garbage,
            oldest: chosen.iter().map(Due::at).min(),
        })
    }

    fn repeated_batch(&mut self, flush: bool) -> Option<Batch> {
        let idle = flush && self.ready.is_empty() && self.held.is_empty() && self.again.is_empty();
        let place = self.later.iter().position(|(wait, _)| *wait == 0 || idle)?;
        Some(self.later.swap_remove(place).1)
    }

    /// Up to `room` records: those held back long enough, then new ones that are not held back.
    fn choose(&mut self, room: usize, flush: bool) -> Vec<Due> {
        for (wait, _) in &mut self.later {
            *wait = wait.saturating_sub(1);
        }
        let mut chosen = Vec::new();
        let mut kept = Vec::new();
        for (wait, due) in self.held.drain(..) {
            if wait == 0 && chosen.len() < room {
                chosen.push(due);
            } else {
                kept.push((wait.saturating_sub(1), due));
            }
        }
        self.held = kept;
        while chosen.len() < room {
            let Some(due) = self.ready.pop_front() else { break };
            let hold =
                self.held.len() < self.config.batch_size && self.random.random_bool(self.config.disorder);
            if hold {
                let wait = self.random.random_range(0..LATEST);
                self.held.push((wait, due));
            } else {
                chosen.push(due);
            }
        }
        // Nothing is left to overtake them.
        if flush && self.ready.is_empty() || chosen.is_empty() {
            let rest = self.held.len().min(room - chosen.len());
            chosen.extend(self.held.drain(..rest).map(|(_, due)| due));
        }
        chosen
    }

    /// Adds up to three elements that are no records, and returns how many.
    fn spoil(&mut self, elements: &mut Vec<String>) -> u64 {
        if !self.random.random_bool(self.config.garbage) {
            return 0;
        }
        let count = self.random.random_range(1..=3);
        for _ in 0..count {
            self.bad += 1;
            let model = &elements[self.random.random_range(0..elements.len())];
            let bad = self.no_record(model);
            let place = self.random.random_range(0..=elements.len());
            elements.insert(place, bad);
        }
        count
    }

    fn no_record(&mut self, model: &str) -> String {
        let mut copy: Value = serde_json::from_str(model).unwrap_or_default();
        if !copy["id"].is_number() {
            return "17".to_owned();
        }
        copy["id"] = json!(GARBAGE_IDS + self.bad);
        match (self.random.random_range(0..5), self.config.kind) {
            (0, _) => return "17".to_owned(),
            (1, _) => return "{}".to_owned(),
            // Neither names the SIM: `endpoint.name` usually is the ICCID too.
            (2, StreamKind::Usage) => {
                copy["sim"] = json!({});
                copy["endpoint"] = json!({});
            }
            (3, StreamKind::Usage) => copy["volume"] = json!({ "tx": "much" }),
            (_, StreamKind::Usage) => copy["volume"] = json!({ "total": -0.3, "tx": -0.2, "rx": -0.1 }),
            (_, StreamKind::Events) => copy["timestamp"] = json!("yesterday"),
        }
        copy.to_string()
    }

    fn packed(&self, elements: &[String]) -> Bytes {
        let text = format!("[{}]", elements.join(","));
        if !self.config.gzip {
            return Bytes::from(text);
        }
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        let packed = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish());
        debug_assert!(packed.is_ok(), "a Vec takes everything");
        Bytes::from(packed.unwrap_or_default())
    }
}
