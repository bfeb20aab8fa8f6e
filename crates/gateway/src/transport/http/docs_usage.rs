//! What is said about the routes of usage, events and ingest.

use serde_json::{Value, json};
use utoipa::OpenApi;

use super::area::{Area, Example};
use super::docs_examples::{TIME, meta};
use super::{ingest, sim_events, usage, usage_export};

pub const AREA: Area = Area {
    routes: usage::routes,
    document: Document::openapi,
    request,
    success,
    failures: |_| &[],
};

#[derive(OpenApi)]
#[openapi(paths(
    usage::sim_usage,
    sim_events::sim_events,
    usage::usage_summary,
    usage::top_usage,
    usage_export::export_usage,
    usage::usage_differences,
    ingest::ingest_status,
    ingest::list_rejects,
    ingest::replay_rejects,
    ingest::start_usage_sync
))]
struct Document;

fn request(route: &str) -> Option<Value> {
    match route {
        "post /api/v1/sync/usage" => {
            Some(json!({ "iccid": "8988999000000000017", "start_date": "2026-06-01" }))
        }
        "post /api/v1/ingest/rejects/replay" => Some(json!({ "ids": ["17"] })),
        _ => None,
    }
}

fn success(route: &str) -> Option<Example> {
    let data = match route {
        "get /api/v1/sims/{iccid}/usage" => sim_usage(),
        "get /api/v1/usage/summary" => summary(),
        "get /api/v1/usage/top" => json!({
            "period": period(), "by": "total", "sims": [top_sim()],
        }),
        "get /api/v1/usage/export" => {
            let text = "iccid,date,volume_rx,volume_tx,total_volume,sms_mo,sms_mt,session_count,source\n\
                        8988999000000000017,2026-06-30,52429,209715,262144,1,0,4,stream\n";
            return Some(Example::Whole(json!(text)));
        }
        "get /api/v1/usage/differences" => return Some(listed(difference())),
        "get /api/v1/sims/{iccid}/events" => return Some(listed(event())),
        "get /api/v1/ingest/rejects" => return Some(listed(reject())),
        "get /api/v1/ingest/status" => status(),
        "post /api/v1/ingest/rejects/replay" => json!({ "accepted": 1, "rejected": 0 }),
        "post /api/v1/sync/usage" => json!({ "sims_queued": 1, "status_url": "/api/v1/ingest/status" }),
        _ => return None,
    };
    Some(Example::Data(data))
}

fn listed(one: Value) -> Example {
    Example::Whole(json!({
        "success": true, "data": [one],
        "pagination": { "page_size": 50, "has_next": false, "next_cursor": null },
        "meta": meta(),
    }))
}

fn period() -> Value {
    json!({ "start": "2026-06-24", "end": "2026-06-30" })
}

fn sim_usage() -> Value {
    json!({
        "iccid": "8988999000000000017", "period": { "start": "2026-06-30", "end": "2026-06-30" },
        "granularity": "daily", "tz": "UTC",
        "usage": [{
            "date": "2026-06-30", "volume_rx": 52429, "volume_tx": 209715, "total_volume": 262144, "sms_mo": 1,
            "sms_mt": 0, "session_count": 4, "source": "stream",
        }],
        "summary": {
            "total_volume": 262144, "total_volume_rx": 52429, "total_volume_tx": 209715, "total_sms_mo": 1,
            "total_sms_mt": 0, "average_daily_volume": 262144, "peak_daily_volume": 262144, "peak_date": "2026-06-30",
        },
    })
}

fn summary() -> Value {
    let group = |key: &str, name: &str| {
        json!({
            "key": key, "name": name, "volume_rx": 52429000, "volume_tx": 209715000, "total_volume": 262144000,
            "sms_mo": 17, "sms_mt": 4, "sims": null,
        })
    };
    json!({
        "period": period(), "group_by": "country", "tag": null, "sum": group("", "all"),
        "groups": [group("262", "Germany")], "groups_are_cut": false,
    })
}

fn top_sim() -> Value {
    json!({
        "iccid": "8988999000000000017", "volume_rx": 52429, "volume_tx": 209715, "total_volume": 262144, "sms_mo": 1,
        "sms_mt": 0,
    })
}

fn difference() -> Value {
    json!({
        "iccid": "8988999000000000017", "date": "2026-06-30",
        "stream": { "total_volume": 100000, "sms_mo": 1, "sms_mt": 0 },
        "api": { "total_volume": 262144, "sms_mo": 1, "sms_mt": 0 },
        "data_records": 2, "tolerance": 2048, "read_at": TIME,
        "explanation": "1NCE's API tells more than the stream brought and rounding up to a KB per record explains: records \
                        are missing in the stream, and the API's number counts",
    })
}

fn event() -> Value {
    json!({
        "id": "800000019", "event_type": "data_quota_used_up", "event_category": "quota", "severity": "warn",
        "description": "Data quota used up", "event_data": { "quota": { "id": 9, "volume": -0.02, "total_volume": 500 } },
        "triggered_by": null, "timestamp": TIME, "alert": true,
    })
}

fn reject() -> Value {
    json!({
        "id": "17", "kind": "usage", "reason": "volume.tx: a volume is a decimal number of MB",
        "raw": "{\"id\":1,\"volume\":{\"tx\":\"much\"}}", "raw_base64": null, "batch": "4711", "seen": 1,
        "received_at": TIME, "replayed_at": null,
    })
}

fn status() -> Value {
    let stream = |name: &str| {
        json!({
            "stream": name, "state": "flowing", "last_received_at": TIME, "last_record_at": TIME, "silent_since": null,
            "records_last_hour": 41000, "records_last_day": 980000, "duplicates_last_day": 12, "rejects_last_day": 0,
            "batches_last_day": 1440, "expected_per_hour": 40100.0,
        })
    };
    json!({
        "streams": [stream("usage"), stream("events")], "batches_waiting": 0, "lag_seconds": 0.0, "rejects_open": 1,
        "api_readings": {
            "due": 0, "read_last_day": 400, "failed_last_day": 0, "last_read_at": TIME, "last_error": null,
            "available": true,
        },
        "days_that_differ": 3, "sims_unknown": 0,
    })
}
