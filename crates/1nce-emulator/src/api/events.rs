//! `GET /sims/{iccid}/events` (FACTS §12, §15.3).

use serde_json::{Value, json};

use super::answer::Answer;
use super::call::{Call, number};
use crate::account::Account;
use crate::account::delta::{EventQuota, Service};
use crate::account::event_types::About;
use crate::account::events::{Detail, Event};
use crate::account::view::View;
use crate::dates::{rfc3339, spring};
use crate::fleet::seeded;

/// How much of an event is told.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// With `detail`.
    pub details: bool,
    /// Nothing that contradicts the published schema.
    pub strict: bool,
}

/// Internal id of an organisation, endpoint, SIM or IMSI fits into 32 bits.
pub fn small_id(n: u64) -> u64 {
    n % 2_000_000_000 + 1
}

/// v1 wraps the events in an object with totals; v2 answers a bare array without headers.
pub fn list(call: &Call<'_>, account: &mut Account) -> Result<Answer, Answer> {
    let sim = call.sim(account)?;
    let page = call.page("pageSize", 10, 1000)?;
    let view = account.view(sim, call.now);
    let mut events = view.events();
    events.retain(|event| event.traits().about == About::Sim);
    if call.v2() {
        let style = Style {
            details: call.settings.event_details,
            strict: call.strict(),
        };
        let items: Vec<Value> = page
            .of(&events)
            .iter()
            .map(|event| v2(style, account.organisation, &view, event))
            .collect();
        return Ok(Answer::json(200, Value::Array(items)));
    }
    for field in call
        .query
        .get("sort")
        .map(String::as_str)
        .unwrap_or_default()
        .split(',')
        .rev()
    {
        match field.trim() {
            "timestamp" => events.sort_by_key(|event| event.at),
            "-timestamp" => events.sort_by_key(|event| std::cmp::Reverse(event.at)),
            "id" => events.sort_by_key(|event| event.id),
            "-id" => events.sort_by_key(|event| std::cmp::Reverse(event.id)),
            _ => {}
        }
    }
    let items: Vec<Value> = page.of(&events).iter().map(|event| v1(&view, event)).collect();
    let body = json!({
        "events": items, "totalEvents": events.len(), "totalPages": events.len().div_ceil(page.size),
    });
    Ok(call.paged(Answer::json(200, body), page, events.len()))
}

/// No id; place and operator only where the event has them.
fn v1(view: &View<'_>, event: &Event) -> Value {
    let traits = event.traits();
    let mut item = json!({
        "timestamp": spring(event.at), "event_type": event.text, "iccid": view.iccid(),
        "imsi": seeded::imsi(view.sim), "alert": traits.alert,
        "event_severity": if traits.severity == 0 { "Info" } else { "Warn" },
    });
    if let Some(imei) = view.imei() {
        item["imei"] = json!(imei);
    }
    if matches!(event.detail, Detail::Location | Detail::Session(_)) {
        let op = view.seeded.operator(view.sim);
        item["country"] = json!(op.country);
        item["operator"] = json!(op.name);
        item["mcc"] = json!(op.mcc);
        item["mnc"] = json!(op.mnc);
    }
    item
}

/// An event as API v2 and the Data Streamer 2.0 tell it.
pub fn v2(style: Style, organisation: u64, view: &View<'_>, event: &Event) -> Value {
    let traits = event.traits();
    let (severity, source) = (traits.severity, traits.source);
    let source_name = ["Network", "Policy Control", "API"][source.min(2) as usize];
    let mut item = json!({
        "id": event.id, "event_type": { "id": event.kind, "description": traits.name },
        "timestamp": rfc3339(event.at), "alert": traits.alert, "user": traits.user.then_some("Example User"),
        "description": event.text,
        "event_source": { "id": source, "description": source_name },
        "event_severity": { "id": severity, "description": if severity == 0 { "INFO" } else { "WARN" } },
        "organisation": { "id": small_id(organisation), "name": organisation.to_string() },
    });
    if traits.about == About::Sim {
        let id = small_id(u64::from(view.sim));
        item["endpoint"] = json!({
            "id": id, "name": view.iccid(), "ip_address": view.ip_address(), "imei": view.imei().unwrap_or_default(),
        });
        item["sim"] = json!({ "id": id, "iccid": view.iccid(), "msisdn": seeded::msisdn(view.sim) });
        item["imsi"] = json!({ "id": id, "imsi": seeded::imsi(view.sim) });
    }
    if style.details
        && let Some(detail) = detail(style, view, event)
    {
        item["detail"] = detail;
    }
    item
}

fn detail(style: Style, view: &View<'_>, event: &Event) -> Option<Value> {
    match &event.detail {
        Detail::None if matches!(event.kind, 29 | 30) => Some(vpn(view)),
        Detail::None => None,
        Detail::Location => Some(location(view)),
        Detail::Session(volume) => Some(session(view, event, *volume)),
        Detail::Quota(quota) if matches!(event.kind, 56 | 58) => {
            // Recorded as a text that only looks like JSON: its dates are unquoted.
            (!style.strict).then(|| json!(assigned(view, quota)))
        }
        Detail::Quota(quota) => Some(json!({ "quota": quota_detail(view, quota) })),
    }
}

/// The operator as every network event names it.
fn operator(view: &View<'_>) -> Value {
    let op = view.seeded.operator(view.sim);
    json!({
        "id": op.id, "name": op.name,
        "country": {
            "id": op.country_id, "name": op.country, "country_code": op.prefix, "mcc": op.mcc, "iso_code": op.iso,
        },
    })
}

fn location(view: &View<'_>) -> Value {
    let op = view.seeded.operator(view.sim);
    let mut detail = operator(view);
    detail["mnc"] = json!([{ "id": op.id, "mnc": op.mnc }]);
    detail["tapcode"] = json!([{ "id": op.id, "tapcode": "EXAMP" }]);
    detail
}

fn session(view: &View<'_>, event: &Event, volume: Option<i64>) -> Value {
    let op = view.seeded.operator(view.sim);
    let started = if event.kind == 5 {
        event.at - 1_198_000
    } else {
        event.at
    };
    let mut detail = operator(view);
    if let Some(total) = volume {
        let sent = total * 7 / 10;
        detail["volume"] = json!({ "tx": number(sent), "rx": number(total - sent), "total": number(total) });
    }
    let apn = if event.kind == 5 {
        Value::Null
    } else {
        json!("iot.1nce.net")
    };
    detail["pdp_context"] = json!({
        "pdp_context_id": event.id / 10, "tunnel_created": rfc3339(started).trim_end_matches(".000Z"), "gtp_version": 2,
        "nsapi": 5, "apn": apn, "ue_ip_address": view.ip_address(), "imeisv": view.imei().unwrap_or_default(),
        "imsi": seeded::imsi(view.sim), "mcc": op.mcc, "mnc": op.mnc, "lac": 40217, "sac": null, "rac": null,
        "ci": 5559, "rat_type": view.seeded.rat(view.sim).1, "region": "eu-central-1", "breakout_ip": null,
        "sgsn_control_plane_ip_address": "192.0.2.11", "sgsn_data_plane_ip_address": "192.0.2.12",
        "ggsn_control_plane_ip_address": "198.51.100.11", "ggsn_data_plane_ip_address": "198.51.100.12",
        "tx_teid_control_plane": 7117, "tx_teid_data_plane": 7116, "rx_teid": 7118,
        "tariff_id": "442", "ratezone_id": "2171", "operator_id": op.id.to_string(),
    });
    detail
}

fn vpn(view: &View<'_>) -> Value {
    let client = json!({ "version": "2.6.8", "private_ip": view.ip_address(), "public_ip": "203.0.113.7" });
    json!({ "vpn_id": 7, "region": "eu-central-1", "client": client })
}

fn quota_id(view: &View<'_>, service: Service) -> i64 {
    i64::from(view.sim) * 2 + if service == Service::Data { 1 } else { 2 }
}

fn quota_detail(view: &View<'_>, quota: &EventQuota) -> Value {
    json!({
        "id": quota_id(view, quota.service), "volume": number(quota.left), "total_volume": number(quota.total),
        "threshold": { "volume": number(quota.total / 5), "percentage": 20 }, "expiry_date": rfc3339(quota.expires),
    })
}

fn assigned(view: &View<'_>, quota: &EventQuota) -> String {
    format!(
        "{{\"endpoint_quota_id\":{},\"quota_status_id\":1,\"action_on_quota_exhaustion_id\":2,\"volume\":{},\
         \"expiry_date\":{},\"peak_throughput\":1000000,\"last_volume_added\":{},\"auto_refill\":0,\
         \"threshold_percentage\":20,\"threshold_volume\":{}}}",
        quota_id(view, quota.service),
        number(quota.left),
        rfc3339(quota.expires),
        number(quota.last_added),
        number(quota.total / 5),
    )
}
