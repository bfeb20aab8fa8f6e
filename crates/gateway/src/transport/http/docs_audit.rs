//! What is said about the routes of the audit log.

use serde_json::{Value, json};
use utoipa::OpenApi;

use super::area::{Area, Example};
use super::docs_examples::{TIME, meta};
use super::{audit_export, audit_log};

pub const AREA: Area = Area {
    routes: audit_log::routes,
    document: Document::openapi,
    request: |_| None,
    success,
    failures: |_| &[],
};

#[derive(OpenApi)]
#[openapi(paths(
    audit_log::list_audit_log,
    audit_export::export_audit_log,
    audit_log::verify_audit_log
))]
struct Document;

const HASH: &str = "cf923055f9ed2bfd40602b3779edb50d80754a95f2ee873d5ab9a4f34629a8fc";

fn success(route: &str) -> Option<Example> {
    match route {
        "get /api/v1/audit-log" => Some(Example::Whole(json!({
            "success": true, "data": [entry()],
            "pagination": { "page_size": 50, "has_next": true, "next_cursor": "4711" },
            "meta": meta(),
        }))),
        "get /api/v1/audit-log/export" => {
            let mut row = entry();
            row["subjects"] = json!([]);
            row["prev_hash"] = json!(HASH);
            Some(Example::Whole(json!(format!("{row}\n"))))
        }
        "get /api/v1/audit-log/verify" => Some(Example::Data(json!({
            "ok": true, "checked": 4711, "first_seq": 1, "head_seq": 4711, "head_hash": HASH, "first_bad_seq": null,
        }))),
        _ => None,
    }
}

fn entry() -> Value {
    json!({
        "seq": 4711, "id": "019cf7a0-0000-7000-8000-000000000004", "at": TIME,
        "actor": { "kind": "api_key", "id": "019cf7a0-0000-7000-8000-000000000003", "name": "workshop" },
        "organization_id": "00000000-0000-0000-0000-000000000001", "action": "sim.update",
        "subject": "8988999000000000017", "request_id": "019cf7a0-0000-7000-8000-000000000001",
        "remote_addr": "192.0.2.17", "details": { "label": "pump-17" }, "hash": HASH,
    })
}
