//! What is said about work on many SIMs, and about jobs.

use serde_json::{Map, Value, json};
use utoipa::openapi::schema::{Array, ArrayBuilder, Object, ObjectBuilder, Type};
use utoipa::{OpenApi, ToSchema};

use super::area::{Area, Example};
use super::bulk_body::{PAYMENT_METHODS, SIMS};
use super::docs_examples::{TIME, meta, words};
use super::list_query::{self, TAG_CHARS};
use super::update_body;
use super::{bulk, import, jobs, sims_export};
use crate::error::ApiCode;

pub const AREA: Area = Area {
    routes: bulk::routes,
    document: Document::openapi,
    request,
    success,
    failures,
};

#[derive(OpenApi)]
#[openapi(paths(
    bulk::update_sims,
    bulk::transfer_sims,
    bulk::extend_sims,
    import::import_sims,
    sims_export::export_sims,
    jobs::list_jobs,
    jobs::get_job,
    jobs::job_results,
    jobs::pause_job,
    jobs::resume_job,
    jobs::cancel_job
))]
struct Document;

/// For the documentation; `bulk_body` is what counts. Exactly one of `sims`, `tag` and `filter`.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "its fields are the documented body")]
pub struct UpdateSimsBody {
    #[schema(schema_with = sims)]
    sims: Option<Vec<String>>,
    #[schema(schema_with = tag)]
    tag: Option<String>,
    #[schema(inline, nullable = false)]
    filter: Option<FilterBody>,
    /// An empty filter means every SIM, and must say so.
    #[schema(nullable = false)]
    all: Option<bool>,
    #[schema(inline)]
    change: ChangeBody,
    /// Only tell what would change.
    #[schema(nullable = false)]
    dry_run: Option<bool>,
}

/// For the documentation; `bulk_body` is what counts. Exactly one of `sims`, `tag` and `filter`.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "its fields are the documented body")]
pub struct TransferSimsBody {
    #[schema(schema_with = sims)]
    sims: Option<Vec<String>>,
    #[schema(schema_with = tag)]
    tag: Option<String>,
    #[schema(inline, nullable = false)]
    filter: Option<FilterBody>,
    /// An empty filter means every SIM, and must say so.
    #[schema(nullable = false)]
    all: Option<bool>,
    /// Customer number of the 1NCE organisation; left out, it is the parent.
    #[schema(nullable = false, minimum = 1)]
    target_organisation: Option<u64>,
    /// Only count the SIMs.
    #[schema(nullable = false)]
    dry_run: Option<bool>,
}

/// For the documentation; `bulk_body` is what counts. Exactly one of `sims`, `tag` and `filter`.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "its fields are the documented body")]
pub struct ExtendSimsBody {
    #[schema(schema_with = sims)]
    sims: Option<Vec<String>>,
    #[schema(schema_with = tag)]
    tag: Option<String>,
    #[schema(inline, nullable = false)]
    filter: Option<FilterBody>,
    /// An empty filter means every SIM, and must say so.
    #[schema(nullable = false)]
    all: Option<bool>,
    /// Of 1NCE's catalogue; left out, 1NCE decides.
    #[schema(nullable = false, minimum = 1)]
    product_id: Option<i64>,
    #[schema(schema_with = payment_methods)]
    payment_method: Option<String>,
    /// Only count the SIMs.
    #[schema(nullable = false)]
    dry_run: Option<bool>,
}

/// As in the list of SIMs.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "its fields are the documented body")]
pub struct FilterBody {
    #[schema(schema_with = list_query::statuses)]
    status: Option<String>,
    #[schema(schema_with = tag)]
    tag: Option<String>,
    #[schema(nullable = false, min_length = 3, max_length = 100)]
    search: Option<String>,
}

/// At least one field; what is left out stays as it is.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1)]
#[allow(dead_code, reason = "its fields are the documented body")]
pub struct ChangeBody {
    /// Without control characters; empty removes it.
    #[schema(max_length = 255, nullable = false)]
    label: Option<String>,
    #[schema(nullable = false)]
    imei_lock: Option<bool>,
    #[schema(schema_with = update_body::statuses)]
    status: Option<String>,
    #[schema(schema_with = update_body::tag_list)]
    tags: Option<Vec<String>>,
    #[schema(schema_with = some_tags)]
    add_tags: Option<Vec<String>>,
    #[schema(schema_with = some_tags)]
    remove_tags: Option<Vec<String>>,
    /// Replaces the stored object; at most 16 KiB.
    #[schema(value_type = Option<Object>, nullable = false)]
    metadata: Option<Map<String, Value>>,
    /// Gives the SIMs to another organization; for keys of the whole platform.
    #[schema(nullable = false, format = Uuid)]
    organization_id: Option<String>,
}

fn sims() -> Array {
    let iccid = ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some("^89[0-9]{17,18}$"));
    ArrayBuilder::new()
        .items(iccid)
        .min_items(Some(1))
        .max_items(Some(SIMS))
        .build()
}

fn tag() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(TAG_CHARS))
        .build()
}

fn some_tags() -> Array {
    ArrayBuilder::new()
        .items(tag())
        .min_items(Some(1))
        .max_items(Some(50))
        .build()
}

fn payment_methods() -> Object {
    words(&PAYMENT_METHODS, None)
}

fn failures(route: &str) -> &'static [ApiCode] {
    let makes_job = [
        "post /api/v1/sims",
        "post /api/v1/sims/transfer",
        "post /api/v1/sims/extension",
    ];
    if makes_job.contains(&route) || route.ends_with("/sims/import") || route.ends_with("/jobs/{id}/pause") {
        return &[ApiCode::Conflict];
    }
    match route {
        "post /api/v1/jobs/{id}/resume" | "delete /api/v1/jobs/{id}" => &[ApiCode::Conflict],
        _ => &[],
    }
}

fn request(route: &str) -> Option<Value> {
    match route {
        "post /api/v1/sims" => Some(json!({
            "filter": { "status": "Enabled", "tag": "north" },
            "change": { "imei_lock": true, "add_tags": ["locked"] }, "dry_run": true,
        })),
        "post /api/v1/sims/transfer" => {
            Some(json!({ "sims": ["8988999000000000017"], "target_organisation": 4711 }))
        }
        "post /api/v1/sims/extension" => Some(json!({ "tag": "expiring", "payment_method": "creditcard" })),
        "post /api/v1/sims/import" => Some(json!(
            "iccid,label,tags,metadata\n8988999000000000017,pump-17,north|pump,\"{\"\"site\"\":4}\"\n"
        )),
        _ => None,
    }
}

fn success(route: &str) -> Option<Example> {
    let data = match route {
        "post /api/v1/sims" => job("sims.update", "queued"),
        "post /api/v1/sims/transfer" => job("sims.transfer", "queued"),
        "post /api/v1/sims/extension" => job("sims.extension", "queued"),
        "post /api/v1/sims/import" => job("sims.import", "queued"),
        "post /api/v1/jobs/{id}/pause" => job("sims.update", "paused"),
        "post /api/v1/jobs/{id}/resume" => job("sims.update", "running"),
        "delete /api/v1/jobs/{id}" => job("sims.update", "cancelled"),
        "get /api/v1/jobs/{id}" => {
            let mut job = job("sims.update", "completed");
            job["results"] = json!([result()]);
            job
        }
        "get /api/v1/jobs" => return Some(listed(job("sims.update", "completed"), 50)),
        "get /api/v1/jobs/{id}/results" => return Some(listed(result(), 100)),
        "get /api/v1/sims/export" => {
            let values = [
                "8988999000000000017,pump-17,north|pump,\"{\"\"site\"\":4}\",89889990000000000176,901405000000017,,",
                "901405000000017,882999000000017,Enabled,Enabled,10.0.0.17,3500000000000101,false,main,",
                "00000000-0000-0000-0000-000000000001,,,,2026-07-01T12:00:00Z,sufficient,sufficient,",
                "2026-07-01T12:00:00Z,2026-07-01T12:00:00Z,2026-07-01T12:00:00Z,,7",
            ];
            let text = format!("{}\n{}\n", sims_export::HEAD.join(","), values.concat());
            return Some(Example::Whole(json!(text)));
        }
        _ => return None,
    };
    Some(Example::Data(data))
}

fn listed(one: Value, page_size: u32) -> Example {
    Example::Whole(json!({
        "success": true, "data": [one],
        "pagination": { "page_size": page_size, "has_next": false, "next_cursor": null },
        "meta": meta(),
    }))
}

fn job(kind: &str, status: &str) -> Value {
    let ended = matches!(status, "completed" | "cancelled");
    let done = if ended { 1 } else { 0 };
    json!({
        "job_id": "019cf7a0-0000-7000-8000-000000000003", "kind": kind, "status": status, "dry_run": false, "total": 1,
        "done": done, "failed": 0, "unchanged": 0, "uncertain": 0,
        "created_by": "api_key:019cf7a0-0000-7000-8000-000000000004", "organization_id": null, "created_at": TIME,
        "started_at": (status != "queued").then_some(TIME), "finished_at": ended.then_some(TIME), "error": null,
        "request": { "sims": 1 }, "status_url": "/api/v1/jobs/019cf7a0-0000-7000-8000-000000000003",
    })
}

fn result() -> Value {
    json!({
        "iccid": "8988999000000000017", "line": null, "outcome": "succeeded", "code": null, "message": null,
        "diff": { "imei_lock": { "from": false, "to": true } }, "finished_at": TIME,
    })
}
