//! Hints: messages of core NATS that leave once, behind the commit of a change. They go to whoever listens then; a crash or
//! a lost connection loses them, so they are for what mends itself.

use std::time::Duration;

use metrics::Counter;

use crate::bus::Bus;
use crate::metrics::Metrics;

/// Behind so many bytes another message begins; NATS takes 16 times as many.
const MESSAGE_BYTES: usize = 64 * 1024;
/// The longest wait for the queue of the NATS client, all hints of a change together.
const LIMIT: Duration = Duration::from_millis(200);

#[derive(Debug)]
struct Hint {
    subject: String,
    payload: Vec<u8>,
}

/// The hints of one change.
#[derive(Debug, Default)]
pub(crate) struct HintBatch(Vec<Hint>);

impl HintBatch {
    /// Joins a part to the last message of its subject.
    pub(crate) fn add(&mut self, subject: &str, part: &[u8]) {
        let open = self.0.last_mut();
        let open = open.filter(|hint| hint.subject == subject && hint.payload.len() < MESSAGE_BYTES);
        match open {
            Some(hint) => hint.payload.extend(part),
            None => self.0.push(Hint {
                subject: subject.to_owned(),
                payload: part.to_vec(),
            }),
        }
    }
}

/// Sends the hints of a schema's changes.
#[derive(Clone)]
pub(crate) struct Hints {
    bus: Bus,
    lost: Counter,
}

impl Hints {
    pub(crate) fn new(bus: &Bus, metrics: &Metrics, schema: &str) -> Self {
        Self {
            bus: bus.clone(),
            lost: metrics.counter("simward_hints_lost_total", &[("schema", schema)]),
        }
    }

    /// What cannot leave now is dropped and counted: later it would be of no use.
    pub(crate) async fn send(&self, batch: HintBatch) {
        if batch.0.is_empty() {
            return;
        }
        let count = batch.0.len() as u64;
        let sent = tokio::time::timeout(LIMIT, self.send_all(batch.0)).await;
        if let Err(reason) = sent.unwrap_or_else(|_| Err("no room in time".to_owned())) {
            self.lost.increment(count);
            tracing::debug!(reason, "hints about a change are lost");
        }
    }

    async fn send_all(&self, hints: Vec<Hint>) -> Result<(), String> {
        for hint in hints {
            self.bus.check()?;
            let published = self.bus.client().publish(hint.subject, hint.payload.into());
            published.await.map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_subject_are_joined_to_few_messages_of_a_bounded_size() {
        let mut batch = HintBatch::default();
        for _ in 0..10_000 {
            batch.add("a", &[7; 20]);
        }
        batch.add("b", &[8; 20]);
        let sizes: Vec<usize> = batch.0.iter().map(|hint| hint.payload.len()).collect();
        assert_eq!(sizes.iter().sum::<usize>(), 200_020);
        assert!(sizes.iter().all(|size| *size < MESSAGE_BYTES + 20));
        assert_eq!(sizes.len(), 5, "{sizes:?}");
    }
}
