use serde_json::{Value, json};

use crate::app::audit::{AuditLogEntry, ChainReport, hex};
use crate::rest::frame::example::TIME;
use crate::rest::frame::{Example, view};

const HASH: &str = "cf923055f9ed2bfd40602b3779edb50d80754a95f2ee873d5ab9a4f34629a8fc";

impl Example for AuditLogEntry {
    fn example() -> Value {
        json!({
            "seq": 4711, "id": "019cf7a0-0000-7000-8000-000000000004", "at": TIME,
            "actor": { "kind": "api_key", "id": "019cf7a0-0000-7000-8000-000000000003", "name": "workshop" },
            "organization_id": "00000000-0000-0000-0000-000000000001", "action": "sim.update",
            "subject": "8988999000000000017", "request_id": "019cf7a0-0000-7000-8000-000000000001",
            "remote_addr": "192.0.2.17", "details": { "label": "pump-17" }, "hash": HASH,
        })
    }
}

view! {
    /// Whether the log is what was written.
    pub struct AuditVerdictView from ChainReport as report {
        /// No row was changed and none is missing, as far as was looked.
        ok: bool = true => report.first_bad_seq.is_none(),
        /// Rows that were looked at and are right.
        checked: i64 = 4711,
        /// The oldest of them: 1 when the whole log was looked at.
        first_seq: i64 = 1,
        /// The newest row.
        head_seq: i64 = 4711,
        /// Its hash, 64 hexadecimal digits. Kept elsewhere, it shows later that nobody wrote the whole log anew.
        head_hash: String = HASH => hex(&report.head_hash),
        /// Where the chain breaks first.
        first_bad_seq: Option<i64>,
    }
}
