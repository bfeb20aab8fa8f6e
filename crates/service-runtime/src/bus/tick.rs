use std::time::Duration;

use chrono::Utc;

use super::{Bus, BusError, ConsumerSpec};
use crate::ignored::Ignored;
use crate::shutdown::Shutdown;

/// Work that is due once per period, whatever the number of replicas.
#[derive(Debug, Clone, Copy)]
pub struct Tick {
    /// Names the job's subject and its message ids.
    pub job: &'static str,
    /// How often it is due.
    pub period: Duration,
}

/// Periodic work of a service, and how the tick reaches whoever does it.
#[derive(Debug, Clone, Copy)]
pub struct DueWork {
    /// Its filter is the tick's subject: `job.v1.` and the job.
    pub consumer: ConsumerSpec,
    /// How often it is due.
    pub period: Duration,
    /// When a failure is tried again.
    pub retry: Duration,
}

impl DueWork {
    /// The tick.
    pub fn tick(&self) -> Tick {
        let filter = self.consumer.filter;
        Tick {
            job: filter.strip_prefix("job.v1.").unwrap_or(filter),
            period: self.period,
        }
    }
}

/// Publishes the tick of every period until the end. All replicas do; JetStream keeps one message per period.
pub async fn publish_ticks(bus: Bus, tick: Tick, shutdown: Shutdown) {
    let period = tick.period.as_secs().max(1);
    loop {
        let now = u64::try_from(Utc::now().timestamp()).unwrap_or(0);
        let slot = now / period;
        let Some(published) = shutdown.or(publish(&bus, tick.job, slot)).await else {
            return;
        };
        published.ignored("publishing a tick");
        let wait = Duration::from_secs((slot + 1) * period - now);
        if !shutdown.sleep(wait.max(Duration::from_millis(200))).await {
            return;
        }
    }
}

async fn publish(bus: &Bus, job: &str, slot: u64) -> Result<(), BusError> {
    let mut headers = async_nats::HeaderMap::new();
    headers.insert(
        async_nats::header::NATS_MESSAGE_ID,
        format!("{job}-{slot}").as_str(),
    );
    bus.store("tick", bus.subjects().job(job), headers, "".into())
        .await
}
