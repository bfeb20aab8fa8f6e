use chrono::{DateTime, Duration, Utc};

use crate::config::IngestorConfig;

/// Which times are taken: each wrong year would make a chunk of its own, and an old chunk that was dropped cannot tell
/// any more what it held.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub now: DateTime<Utc>,
    pub oldest_usage: Duration,
    pub oldest_event: Duration,
    pub future: Duration,
}

impl Limits {
    pub fn at(now: DateTime<Utc>, config: &IngestorConfig) -> Self {
        Self {
            now,
            oldest_usage: config.oldest_usage(),
            oldest_event: config.oldest_event(),
            future: Duration::hours(config.max_future_hours),
        }
    }

    /// # Errors
    /// The reason why a record of that time is not taken.
    pub fn check(&self, name: &str, time: DateTime<Utc>, oldest: Duration) -> Result<(), String> {
        if time > self.now + self.future {
            return Err(format!(
                "{name} {} lies over {} hours in the future",
                time.to_rfc3339(),
                self.future.num_hours()
            ));
        }
        if time < self.now - oldest {
            return Err(format!(
                "{name} {} is over {} days old",
                time.to_rfc3339(),
                oldest.num_days()
            ));
        }
        Ok(())
    }
}
