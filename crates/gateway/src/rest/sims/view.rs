use serde_json::{Value, json};

use crate::rest::frame::Example;
use crate::rest::frame::example::TIME;
use crate::wire::sim::{SimStatusView, SimView};

impl Example for SimView {
    fn example() -> Value {
        let quota = json!({
            "total_volume": 524288000, "status": "sufficient", "threshold_reached_date": null, "quota_exceeded_date": null,
        });
        json!({
            "iccid": "8988999000000000017", "iccid_with_luhn": "89889990000000000176", "imsi": "901405000000017",
            "imsi_2": null, "current_imsi": "901405000000017", "msisdn": "882999000000017", "status": "Enabled",
            "provider_status": "Enabled", "label": "pump-17", "ip_address": "10.0.0.17", "imei": "3500000000000101",
            "imei_lock": false, "account": "main", "organization_id": "00000000-0000-0000-0000-000000000001",
            "current_rat": null, "current_country": null, "current_operator": null, "activation_date": TIME,
            "data_quota_status": "sufficient", "sms_quota_status": "sufficient", "data_quota": quota,
            "sms_quota": {
                "total_volume": 250, "status": "sufficient", "threshold_reached_date": null, "quota_exceeded_date": null,
            },
            "tags": ["north"], "metadata": { "site": 4 }, "created_at": TIME, "updated_at": TIME, "last_synced_at": TIME,
            "missing_since": null, "revision": 7, "extra": {},
        })
    }
}

impl Example for SimStatusView {
    fn example() -> Value {
        state("Enabled", "is_active")
    }

    fn examples() -> Vec<(&'static str, Value)> {
        vec![
            ("active", Self::example()),
            ("suspended", state("Disabled", "is_suspended")),
            ("expired", state("Expired", "is_expired")),
            ("terminated", state("Enabled", "is_terminated")),
        ]
    }
}

fn state(status: &str, holds: &str) -> Value {
    let terminated = holds == "is_terminated";
    let mut details = json!({
        "is_active": false, "is_expired": false, "is_suspended": false, "is_terminated": false,
    });
    details[holds] = json!(true);
    json!({
        "iccid": "8988999000000000017", "status": status, "status_details": details,
        "missing_since": terminated.then_some(TIME), "activation_date": TIME, "last_checked": TIME,
    })
}
