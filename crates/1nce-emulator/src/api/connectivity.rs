//! `GET /sims/{iccid}/status` and `/connectivity_info` (FACTS §6).

use serde_json::{Value, json};

use super::answer::Answer;
use super::call::Call;
use super::limits;
use crate::account::Account;
use crate::account::view::View;
use crate::clock::Millis;
use crate::dates::{DAY, rfc3339, spaced, spring};
use crate::fleet::seeded::{self, Connectivity};

type Reply = Result<Answer, Answer>;

/// `GET /sims/{iccid}/status`.
pub fn status(call: &Call<'_>, account: &mut Account) -> Reply {
    let sim = call.sim(account)?;
    let view = account.view(sim, call.now);
    let reached = limits::data_reached(account, &view);
    let body = if call.v2() {
        status_v2(account, &view, reached)
    } else {
        status_v1(call, account, &view)
    };
    Ok(Answer::json(200, body))
}

fn word(state: Connectivity) -> &'static str {
    match state {
        Connectivity::Offline => "OFFLINE",
        Connectivity::Attached => "ATTACHED",
        Connectivity::Online => "ONLINE",
    }
}

fn services(view: &View<'_>) -> Value {
    if view.connectivity() == Connectivity::Offline {
        json!([])
    } else {
        json!(["GPRS", "SMS"])
    }
}

fn seen(view: &View<'_>) -> Millis {
    view.now - (view.seeded.hash(view.sim, 50) % 7_200) as i64 * 1000
}

fn status_v1(call: &Call<'_>, account: &Account, view: &View<'_>) -> Value {
    let mut body = json!({ "status": word(view.connectivity()), "services": services(view) });
    if view.imei().is_some() {
        body["location"] = location_v1(call, view);
    }
    if view.connectivity() == Connectivity::Online {
        body["pdp_context"] = session_v1(call, account, view);
    }
    body
}

fn location_v1(call: &Call<'_>, view: &View<'_>) -> Value {
    let at = seen(view);
    let op = view.seeded.operator(view.sim);
    // The published field is `iso-code`, the recorded one `iso_code`; dates lose their zone (FACTS §6).
    let (iso, when) = if call.strict() {
        ("iso-code", rfc3339(at))
    } else {
        ("iso_code", spaced(at))
    };
    // The packet network may have heard of it weeks before.
    let when_gprs = match view.seeded.hash(view.sim, 52) % 3 {
        0 if !call.strict() => spaced(at - 30 * DAY),
        _ => when.clone(),
    };
    // These two ids alone were recorded as numbers, and degrees with six places (FACTS-2026-11 U10).
    let id = |id: u32| {
        if call.strict() {
            json!(id.to_string())
        } else {
            json!(id)
        }
    };
    let degrees = |whole: &str| {
        if call.strict() {
            whole.to_owned()
        } else {
            format!("{whole}.000000")
        }
    };
    json!({
        "iccid": view.iccid(), "imsi": seeded::imsi(view.sim), "last_updated": when, "last_updated_gprs": when_gprs,
        "sgsn_number": format!("{}1600300000", op.prefix), "vlr_number": format!("{}1710000000", op.prefix),
        "vlr_number_np": "1", "msc_number_np": "1", "sgsn_number_np": "1",
        "operator_id": op.id.to_string(), "msc": format!("{}1710300000", op.prefix), "sgsn_ip_address": "192.0.2.10",
        "operator": {
            "id": id(op.id), "name": op.name,
            "country": { "id": id(op.country_id), "name": op.country, iso: op.iso },
        },
        "country": {
            "country_id": op.country_id.to_string(), "name": op.country, "country_code": op.prefix, "mcc": op.mcc,
            iso: op.iso, "latitude": degrees(op.latitude), "longitude": degrees(op.longitude),
        },
    })
}

/// Start of the open session, about an hour ago.
fn session_start(view: &View<'_>) -> Millis {
    view.now - 600_000 - (view.seeded.hash(view.sim, 51) % 7_200) as i64 * 1000
}

fn clock(ms: Millis) -> String {
    let seconds = ms / 1000;
    format!(
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

fn session_v1(call: &Call<'_>, account: &Account, view: &View<'_>) -> Value {
    let op = view.seeded.operator(view.sim);
    let (rat, rat_id) = view.seeded.rat(view.sim);
    let start = session_start(view);
    let id = u64::from(view.sim);
    json!({
        "pdp_context_id": (1_000_000_000 + id).to_string(), "endpoint_id": (id + 1).to_string(),
        "tariff_profile_id": "129700", "tariff_id": "442", "ratezone_id": "2171",
        "organisation_id": account.organisation.to_string(), "imsi_id": (id + 1).to_string(),
        "imsi": seeded::imsi(view.sim), "sim_id": (id + 1).to_string(), "teid_data_plane": "153329900",
        "teid_control_plane": "153329901", "gtp_version": "2", "nsapi": "5",
        "sgsn_control_plane_ip_address": "192.0.2.11", "sgsn_data_plane_ip_address": "192.0.2.12",
        "ggsn_control_plane_ip_address": "198.51.100.11", "ggsn_data_plane_ip_address": "198.51.100.12",
        "created": if call.strict() { rfc3339(start) } else { spaced(start) },
        "mcc": op.mcc, "mnc": op.mnc, "operator_id": op.id.to_string(), "lac": "40217", "ci": "5559",
        "ue_ip_address": view.ip_address(), "imeisv": view.imei().unwrap_or_default(),
        "duration": clock(view.now - start), "rat_type": { "rat_type_id": rat_id.to_string(), "description": rat },
    })
}

fn status_v2(account: &Account, view: &View<'_>, limit_reached: bool) -> Value {
    let state = if limit_reached && view.enabled() {
        "BLOCKED"
    } else {
        word(view.connectivity())
    };
    let limit = if limit_reached { "REACHED" } else { "NOT_REACHED" };
    let mut body = json!({
        "status": { "description": state }, "services": services(view),
        "data_traffic_limit_state": { "description": limit }, "pdp_contexts": [],
    });
    if view.imei().is_some() {
        body["location"] = location_v2(view);
    }
    if state == "ONLINE" {
        body["pdp_contexts"] = json!([session_v2(account, view)]);
    }
    body
}

fn location_v2(view: &View<'_>) -> Value {
    let op = view.seeded.operator(view.sim);
    let realm = format!("epc.mnc{:0>3}.mcc{}.3gppnetwork.org", op.mnc, op.mcc);
    json!({
        "iccid": view.iccid(), "imsi": seeded::imsi(view.sim), "last_updated": spaced(seen(view)),
        "sgsn_number": format!("120631.mmecd7.mmegi8002.mme.{realm}"),
        "vlr_number": format!("{}1710000000", op.prefix), "operator_id": op.id.to_string(),
        "msc": format!("{}1710300000", op.prefix), "sgsn_ip_address": "192.0.2.10",
        "mme_name": format!("mmecd7.mmegi8002.mme.{realm}"), "mme_realm": realm,
        "sgsn_name": "sgsn1", "sgsn_realm": realm,
        "operator": {
            "id": op.id, "name": op.name, "mnc": op.mnc,
            "country": { "id": op.country_id, "name": op.country, "iso_code": op.iso },
        },
        "country": {
            "country_id": op.country_id.to_string(), "name": op.country, "country_code": op.prefix,
            "mcc": op.mcc, "iso_code": op.iso,
        },
    })
}

fn session_v2(account: &Account, view: &View<'_>) -> Value {
    let op = view.seeded.operator(view.sim);
    let (rat, rat_id) = view.seeded.rat(view.sim);
    let id = u64::from(view.sim);
    json!({
        "pdp_context_id": (1_000_000_000 + id).to_string(), "endpoint_id": (id + 1).to_string(), "tariff_id": "442",
        "ratezone_id": "2171", "organisation_id": account.organisation.to_string(), "imsi_id": (id + 1).to_string(),
        "imsi": seeded::imsi(view.sim), "sim_id": (id + 1).to_string(), "tx_teid_data_plane": "7116",
        "tx_teid_control_plane": "7117", "rx_teid": "7118", "rx_teid_data_plane": "7119",
        "rx_teid_control_plane": "7120", "gtp_version": "2", "nsapi": "5",
        "sgsn_control_plane_ip_address": "192.0.2.11", "sgsn_data_plane_ip_address": "192.0.2.12",
        "ggsn_control_plane_ip_address": "198.51.100.11", "ggsn_data_plane_ip_address": "198.51.100.12",
        "created": rfc3339(session_start(view)), "mcc": op.mcc, "mnc": op.mnc, "operator_id": op.id.to_string(),
        "lac": "40217", "ci": "12", "sac": "7", "rac": "8",
        "gtp_v2_uli": { "tac": "38402", "eci": "12", "lac": "40217", "menbi": "88364" },
        "ue_ip_address": view.ip_address(), "imeisv": view.imei().unwrap_or_default(),
        "rat_type": { "rat_type_id": rat_id.to_string(), "description": rat }, "region": "eu-central-1",
        "apn": "iot.1nce.net", "ipcan_session_id": (id + 23).to_string(),
    })
}

fn flag(call: &Call<'_>, name: &str, default: bool) -> Result<bool, Answer> {
    match call.query.get(name).map(String::as_str) {
        None => Ok(default),
        Some("true") => Ok(true),
        Some("false") => Ok(false),
        Some(_) => Err(call.fail(400, &format!("{name} must be true or false"))),
    }
}

/// `GET /sims/{iccid}/connectivity_info`: valid on 2G and 3G only.
pub fn info(call: &Call<'_>, account: &mut Account) -> Reply {
    let sim = call.sim(account)?;
    let view = account.view(sim, call.now);
    let (subscriber, ussd) = (flag(call, "subscriber", true)?, flag(call, "ussd", false)?);
    let op = view.seeded.operator(sim);
    let legacy =
        matches!(view.seeded.rat(sim).0, "2G" | "3G") && view.connectivity() != Connectivity::Offline;
    let mut body = json!({
        "request_timestamp": spring(call.now), "reply_timestamp": spring(call.now + 142),
    });
    if subscriber && legacy {
        // Recorded without its leading zeros.
        let mnc = if call.strict() {
            op.mnc
        } else {
            op.mnc.trim_start_matches('0')
        };
        let cell = json!({ "cid": 5559, "lac": 40217, "mcc": op.mcc, "mnc": mnc });
        let location =
            json!({ "current_location_retrieved": false, "age_of_location": 2, "cell_global_id": cell });
        body["subscriber_info"] = json!({ "success": true, "state": "assumed_idle", "location": location });
    } else if subscriber {
        body["subscriber_info"] = json!({ "success": false, "state": "not_provided_from_vlr" });
    }
    if ussd && legacy {
        body["ussd_info"] = json!({ "success": true });
    } else if ussd {
        body["ussd_info"] = json!({ "success": false, "error": "Request Timeout Error" });
    }
    Ok(Answer::json(200, body))
}
