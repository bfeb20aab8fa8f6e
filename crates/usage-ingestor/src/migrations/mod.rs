//! Forward migrations of the schema `usage`: one SQL file a step, expand first, contract later.

use service_runtime::db::Step;
use service_runtime::{lease, outbox};

/// Every step, in order.
pub const STEPS: &[Step] = &[
    Step {
        name: "m0001_usage",
        sql: &[
            include_str!("m0001_usage.sql"),
            outbox::TABLE_SQL,
            lease::TABLE_SQL,
        ],
    },
    Step {
        name: "m0002_presence",
        sql: &[include_str!("m0002_presence.sql")],
    },
    Step {
        name: "m0003_unread",
        sql: &[include_str!("m0003_unread.sql")],
    },
];
