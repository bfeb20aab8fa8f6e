use domain::Iccid;

use crate::events::EventType;

/// Builds every subject and stream name. The prefix is empty in production and unique in each test.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subjects {
    prefix: String,
}

impl Subjects {
    /// Subjects that begin with `prefix` and a dot; none when the prefix is empty.
    pub fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
        }
    }

    /// The subject of `rest` under the prefix.
    pub fn prefixed(&self, rest: &str) -> String {
        if self.prefix.is_empty() {
            rest.to_owned()
        } else {
            format!("{}.{rest}", self.prefix)
        }
    }

    /// Where a service answers one method.
    pub fn rpc(&self, service: &str, method: &str) -> String {
        self.prefixed(&format!("rpc.v1.{service}.{method}"))
    }

    /// Where an event is published; events about no SIM have `-` in the ICCID's place.
    pub fn event(&self, event: EventType, iccid: Option<Iccid>) -> String {
        let last = iccid.map_or_else(|| "-".to_owned(), |iccid| iccid.to_string());
        self.prefixed(&format!("evt.v1.{}.{last}", event.word()))
    }

    /// All events of one domain, such as `sim`.
    pub fn events_of(&self, domain: &str) -> String {
        self.prefixed(&format!("evt.v1.{domain}.>"))
    }

    /// Where a job of this kind is queued.
    pub fn job(&self, kind: &str) -> String {
        self.prefixed(&format!("job.v1.{kind}"))
    }

    /// Where received batches wait for their merge.
    pub fn ingest(&self) -> String {
        self.prefixed("ingest.v1.batch")
    }

    /// Where caches are told which SIMs have a new revision.
    pub fn sim_revisions(&self) -> String {
        self.prefixed("cache.v1.sim")
    }

    /// Where messages end that could not be handled.
    pub fn dead_letter(&self, stream: &str, durable: &str) -> String {
        self.prefixed(&format!("dlq.v1.{}.{durable}", stream.to_ascii_lowercase()))
    }

    /// The name of a stream or bucket: `EVENTS`, or `t1_EVENTS` under the prefix `t1`.
    pub fn stream(&self, name: &str) -> String {
        if self.prefix.is_empty() {
            name.to_owned()
        } else {
            format!("{}_{name}", self.prefix)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn production_subjects_have_no_prefix() {
        let subjects = Subjects::default();
        let iccid = Iccid::parse("8988999000000000017").ok();
        assert_eq!(subjects.rpc("sim", "get"), "rpc.v1.sim.get");
        assert_eq!(
            subjects.event(EventType::SimMissing, iccid),
            "evt.v1.sim.missing.8988999000000000017"
        );
        assert_eq!(
            subjects.event(EventType::SyncFailed, None),
            "evt.v1.sync.failed.-"
        );
        assert_eq!(subjects.stream("EVENTS"), "EVENTS");
    }

    #[test]
    fn a_prefix_separates_everything() {
        let subjects = Subjects::new("t1");
        assert_eq!(subjects.rpc("sim", "get"), "t1.rpc.v1.sim.get");
        assert_eq!(subjects.stream("EVENTS"), "t1_EVENTS");
        assert_eq!(subjects.dead_letter("JOBS", "sweep"), "t1.dlq.v1.jobs.sweep");
    }
}
