//! The tick that starts scheduled runs.

use std::time::Duration;

use messages::JOBS;
use service_runtime::bus::{ConsumerSpec, Outcome, Tick, consume, publish_ticks};
use service_runtime::{Runtime, bus::Bus};

use crate::app::App;

const DUE: ConsumerSpec = ConsumerSpec {
    stream: JOBS,
    durable: "sim-sweep-due",
    filter: "job.v1.sim.sweep-due",
    max_deliver: 5,
    ack_wait: Duration::from_secs(10),
};

/// Publishes the tick and acts on it, on every replica, until the end.
pub fn start(app: &App, runtime: &Runtime) {
    let shared = &runtime.shared;
    let period = Duration::from_secs(app.sweep.sweep_interval_seconds.clamp(1, 10));
    let tick = Tick {
        job: "sim.sweep-due",
        period,
    };
    let bus: Bus = shared.bus.clone();
    shared
        .shutdown
        .spawn(publish_ticks(bus.clone(), tick, shared.shutdown.clone()));
    let app = app.clone();
    let handler = move |_message| {
        let app = app.clone();
        async move {
            match app.queue_due_runs().await {
                Ok(()) => Outcome::Done,
                Err(error) => {
                    tracing::warn!(%error, "the due run was not queued");
                    Outcome::Retry(Duration::from_secs(1))
                }
            }
        }
    };
    shared.shutdown.spawn(consume(
        bus,
        DUE,
        shared.metrics.clone(),
        shared.shutdown.clone(),
        handler,
    ));
}
