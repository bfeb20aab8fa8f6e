//! Forward SQL, one file per step; a step that was released is never edited.

use service_runtime::db::Step;

/// Every step, in order.
pub const STEPS: &[Step] = &[
    Step {
        name: "m0001_identity",
        sql: &[include_str!("m0001_identity.sql")],
    },
    Step {
        name: "m0002_sessions",
        sql: &[include_str!("m0002_sessions.sql")],
    },
    Step {
        name: "m0003_idempotency",
        sql: &[include_str!("m0003_idempotency.sql")],
    },
    Step {
        name: "m0004_audit_chain",
        sql: &[include_str!("m0004_audit_chain.sql")],
    },
];
