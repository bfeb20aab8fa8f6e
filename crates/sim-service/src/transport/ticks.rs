//! The tick that starts scheduled runs.

use std::time::Duration;

use messages::JOBS;
use service_runtime::Runtime;
use service_runtime::bus::{ConsumerSpec, DueWork};

use crate::app::App;
use crate::error::AppError;

const DUE: ConsumerSpec = ConsumerSpec {
    stream: JOBS,
    durable: "sim-sweep-due",
    filter: "job.v1.sim.sweep-due",
    max_deliver: 5,
    ack_wait: Duration::from_secs(10),
};

/// Acts on the tick, on every replica, until the end.
pub fn start(app: &App, runtime: &Runtime) {
    let due = DueWork {
        consumer: DUE,
        period: Duration::from_secs(app.sweep.sweep_interval_seconds.clamp(1, 10)),
        retry: Duration::from_secs(1),
    };
    runtime.on_tick(due, app.clone(), queue_due_runs);
}

async fn queue_due_runs(app: App) -> Result<(), AppError> {
    app.queue_due_runs().await
}
