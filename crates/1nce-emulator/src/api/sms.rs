//! Send, list, read and cancel short messages (FACTS §11).

use serde_json::{Value, json};

use super::answer::Answer;
use super::call::{Call, text_field};
use super::limits;
use crate::account::Account;
use crate::account::delta::{Message, SmsState};
use crate::account::messages::Outgoing;
use crate::account::view::View;
use crate::dates::{parse_moment, rfc3339};
use crate::fleet::SimIndex;
use crate::fleet::seeded::{self, Connectivity};

type Reply = Result<Answer, Answer>;

/// `POST /sims/{iccid}/sms`: v1 tells the id only in `Location`, on a host that means nothing outside.
pub fn send(call: &Call<'_>, account: &mut Account) -> Reply {
    let sim = call.sim_to_change(account)?;
    let sms = parse(call, &call.json()?).map_err(|e| call.fail(400, &e))?;
    if let Some(limit) = limits::mt_exceeded(account, &account.view(sim, call.now)) {
        let text = format!("Traffic limit of {limit} SMS per month exceeded");
        return Err(if call.v2() {
            call.fail(409, &text)
        } else {
            Answer::gateway(403, &text)
        });
    }
    let id = account.send_sms(sim, sms, call.now, call.settings);
    if call.v2() {
        return Ok(Answer::json(201, json!({ "id": id.to_string() })));
    }
    let location = format!(
        "https://sms-backend.internal/internal-global-api/v1/sims/{}/sms/{id}",
        seeded::iccid(sim)
    );
    Ok(Answer::empty(201).header("Location", location))
}

fn parse(call: &Call<'_>, body: &Value) -> Result<Outgoing, String> {
    if !body.is_object() {
        return Err("an SMS is an object".to_owned());
    }
    let payload = text_field(body, "payload")?.unwrap_or_default();
    let dcs = match body.get("dcs") {
        None | Some(Value::Null) => 0,
        Some(value) => value
            .as_i64()
            .filter(|dcs| [0, 4, 8].contains(dcs))
            .ok_or("dcs must be 0, 4 or 8")?,
    };
    let udh = text_field(body, "udh")?;
    if udh.as_deref().is_some_and(|udh| !hex(udh)) {
        return Err("udh must be hexadecimal".to_owned());
    }
    let kind = body.get("source_address_type").filter(|kind| !kind.is_null());
    if kind.is_some_and(|kind| !kind.is_object()) {
        return Err("source_address_type must be an object".to_owned());
    }
    let source_type = match kind.map(|kind| &kind["id"]) {
        None | Some(Value::Null) => None,
        Some(id) => Some(
            id.as_i64()
                .filter(|id| [145, 161, 208].contains(id))
                .ok_or("unknown source_address_type")?,
        ),
    };
    let expires = match text_field(body, "expiry_date")? {
        None => None,
        Some(text) if call.v2() && call.strict() => {
            let at = chrono::DateTime::parse_from_rfc3339(&text).map_err(|e| format!("expiry_date: {e}"))?;
            Some(at.timestamp_millis())
        }
        Some(text) => Some(parse_moment(&text).ok_or("expiry_date is no date")?),
    };
    check_size(&payload, dcs, udh.as_deref().is_some_and(|udh| !udh.is_empty()))?;
    let source_address = match &body["source_address"] {
        // A client of 2020 sends it as a number.
        Value::Number(number) if !call.strict() => Some(number.to_string()),
        _ => text_field(body, "source_address")?,
    };
    Ok(Outgoing {
        payload,
        udh,
        dcs,
        source_address,
        source_type,
        expires,
    })
}

fn hex(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// The caller splits long texts: 160 / 140 / 70 alone, 153 / 134 / 67 with a header (FACTS §11).
fn check_size(payload: &str, dcs: i64, header: bool) -> Result<(), String> {
    let (size, limit) = match (dcs, header) {
        (4, header) => {
            if !hex(payload) || !payload.len().is_multiple_of(2) {
                return Err("a binary payload must be hexadecimal".to_owned());
            }
            (payload.len() / 2, if header { 134 } else { 140 })
        }
        (8, header) => (payload.encode_utf16().count(), if header { 67 } else { 70 }),
        (_, header) => (payload.chars().count(), if header { 153 } else { 160 }),
    };
    if size > limit {
        Err(format!("payload of {size} exceeds {limit}"))
    } else {
        Ok(())
    }
}

/// `GET /sims/{iccid}/sms`: v2 calls the page size `per_page`.
pub fn list(call: &Call<'_>, account: &mut Account) -> Reply {
    let sim = call.sim(account)?;
    let page = if call.v2() {
        call.page("per_page", 20, 1000)?
    } else {
        call.page("pageSize", 10, 100)?
    };
    let view = account.view(sim, call.now);
    let mut messages = view.messages();
    if call
        .query
        .get("sort")
        .is_some_and(|sort| sort.split(',').any(|field| field == "status"))
    {
        messages.sort_by_key(|m| state_id(call, &view, m).0);
    }
    let items: Vec<Value> = page.of(&messages).iter().map(|m| item(call, &view, m)).collect();
    let answer = Answer::json(200, Value::Array(items));
    Ok(if call.v2() {
        answer
    } else {
        call.paged(answer, page, messages.len())
    })
}

fn message_id(call: &Call<'_>) -> Result<i64, Answer> {
    let text = call.params.get(1).map(String::as_str).unwrap_or_default();
    text.parse()
        .map_err(|_| call.fail(400, "the id of an SMS is a number"))
}

fn find(call: &Call<'_>, account: &Account, sim: SimIndex) -> Result<Message, Answer> {
    let id = message_id(call)?;
    let found = account
        .view(sim, call.now)
        .messages()
        .into_iter()
        .find(|m| m.id == id);
    found.ok_or_else(|| call.not_found())
}

/// `GET /sims/{iccid}/sms/{id}`.
pub fn get(call: &Call<'_>, account: &mut Account) -> Reply {
    let sim = call.sim(account)?;
    let message = find(call, account, sim)?;
    Ok(Answer::json(
        200,
        item(call, &account.view(sim, call.now), &message),
    ))
}

/// `DELETE /sims/{iccid}/sms/{id}`: only while it is buffered.
pub fn cancel(call: &Call<'_>, account: &mut Account) -> Reply {
    let sim = call.sim_to_change(account)?;
    let message = find(call, account, sim)?;
    if !account.cancel_sms(sim, message.id, call.now) {
        return Err(call.fail(
            if call.v2() { 400 } else { 403 },
            "the SMS is not buffered any more",
        ));
    }
    match (call.v2(), call.strict()) {
        (true, _) => Ok(Answer::json(200, json!({ "id": message.id.to_string() }))),
        (false, true) => Ok(Answer::empty(200)),
        (false, false) => Ok(Answer::empty(204)),
    }
}

/// v1 shows a message that waits for its SIM as buffered.
fn state_id(call: &Call<'_>, view: &View<'_>, message: &Message) -> (i64, &'static str) {
    let waiting = view.connectivity() == Connectivity::Offline && !call.v2() && !call.strict();
    match message.state(view.now) {
        SmsState::Pending if waiting => (3, "BUFFERED"),
        SmsState::Pending => (2, "PENDING"),
        SmsState::Delivered => (4, "DELIVERED"),
        SmsState::Failed => (5, "FAILED"),
        SmsState::Expired => (6, "EXPIRED"),
    }
}

fn item(call: &Call<'_>, view: &View<'_>, message: &Message) -> Value {
    let (state, state_name) = state_id(call, view, message);
    let (kind, kind_name) = if message.mo { (2, "MO") } else { (1, "MT") };
    let mut item = json!({
        "id": message.id, "submit_date": rfc3339(message.submitted), "expiry_date": rfc3339(message.expires),
        "source_address": message.source_address, "iccid": view.iccid(), "msisdn": seeded::msisdn(view.sim),
        "imsi": seeded::imsi(view.sim), "dcs": message.dcs, "udh": message.udh.clone().unwrap_or_default(),
        "payload": message.payload, "status": { "id": state, "description": state_name },
        "sms_type": { "id": kind, "description": kind_name },
    });
    if let Some(id) = message.source_type {
        item["source_address_type"] = json!({ "id": id });
    }
    let final_at = match message.state(view.now) {
        SmsState::Delivered | SmsState::Failed => message.final_at,
        SmsState::Expired => Some(message.expires),
        SmsState::Pending => None,
    };
    if let Some(at) = final_at {
        item["final_date"] = json!(rfc3339(at));
        item["last_delivery_attempt"] = json!(rfc3339(at));
        if message.state(view.now) == SmsState::Delivered {
            item["delivery_date"] = json!(rfc3339(at));
        }
    }
    let msc = format!("{}1770940000", view.seeded.operator(view.sim).prefix);
    if call.v2() {
        item["retry_count"] = json!(0);
        item["retry_date"] = Value::Null;
        item["msc"] = json!(msc.parse::<i64>().unwrap_or_default());
        item["gsm_map_error"] = Value::Null;
        item["pid"] = json!(0);
        item["endpoint"] = json!({ "id": i64::from(view.sim) + 1, "name": view.iccid() });
        item["sim_id"] = json!(i64::from(view.sim) + 1);
    } else {
        item["retry_count"] = json!("0");
        item["msc"] = json!(msc);
    }
    item
}
