//! Forward migrations of the schema `sim`: one SQL file a step, expand first, contract later.

use service_runtime::db::Step;
use service_runtime::{lease, outbox};

/// Every step, in order.
pub const STEPS: &[Step] = &[
    Step {
        name: "m0001_fleet",
        sql: &[
            include_str!("m0001_fleet.sql"),
            outbox::TABLE_SQL,
            lease::TABLE_SQL,
        ],
    },
    Step {
        name: "m0002_jobs",
        sql: &[include_str!("m0002_jobs.sql")],
    },
    Step {
        name: "m0003_fleet_counts",
        sql: &[include_str!("m0003_fleet_counts.sql")],
    },
    Step {
        name: "m0004_waits",
        sql: &[include_str!("m0004_waits.sql")],
    },
    Step {
        name: "m0005_sweep",
        sql: &[include_str!("m0005_sweep.sql")],
    },
];
