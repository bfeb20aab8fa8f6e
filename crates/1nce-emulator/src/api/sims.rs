//! Read, update one, update many, reset, transfer (FACTS §4, §5).

use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::call::{Call, number, text_field};
use crate::account::Account;
use crate::account::changes::SimUpdate;
use crate::account::delta::Service;
use crate::account::tasks::Task;
use crate::account::view::{Quota, View};
use crate::config::DateTrap;
use crate::dates::spring;
use crate::fleet::SimIndex;
use crate::fleet::seeded;
use crate::luhn;

type Reply = Result<Answer, Answer>;

fn quota_status(call: &Call<'_>, quota: &Quota) -> Value {
    let description = match quota.level() {
        0 => "More than 20% available",
        1 => "Less than 20% available",
        _ => "No volume available",
    };
    let mut status = json!({ "id": quota.level(), "description": description });
    if quota.level() >= 1
        && let Some(at) = quota.threshold_at
    {
        status["threshold_reached_date"] = json!(call.date(at));
    }
    if quota.level() == 2
        && let Some(at) = quota.exceeded_at
    {
        status["quota_exceeded_date"] = json!(call.date(at));
    }
    status
}

/// The recorded single GET of v1 speaks of `Activated` where the list says `Enabled`.
fn status_word(call: &Call<'_>, view: &View<'_>, enabled: bool, single: bool) -> &'static str {
    let portal_words = single && !call.v2() && !call.strict();
    match (view.expired(), enabled, portal_words) {
        (true, ..) if !call.strict() => "Expired",
        (true, ..) | (_, false, false) => "Disabled",
        (_, true, false) => "Enabled",
        (_, true, true) => "Activated",
        (_, false, true) => "Deactivated",
    }
}

/// Recordings show the same SIM some seconds later in the list than alone.
fn activation_date(call: &Call<'_>, view: &View<'_>, single: bool) -> String {
    let differs = match call.settings.activation_date_trap {
        DateTrap::Off => false,
        DateTrap::V1 => !call.v2(),
        DateTrap::Both => true,
    };
    let later = if differs && !single && !call.strict() {
        1 + (view.seeded.hash(view.sim, 15) % 6) as i64
    } else {
        0
    };
    spring(view.activation_date() + later * 1000)
}

/// A SIM object; missing values are left out.
pub fn sim_json(call: &Call<'_>, view: &View<'_>, single: bool) -> Value {
    let (data, sms) = (view.quota(Service::Data), view.quota(Service::Sms));
    let iccid = view.iccid();
    let shown = view.shown(if single {
        call.settings.get_lag_seconds
    } else {
        call.settings.list_lag_seconds
    });
    let mut sim = Map::new();
    let mut put = |key: &str, value: Value| sim.insert(key.to_owned(), value);
    put("iccid_with_luhn", json!(luhn::with_check_digit(&iccid)));
    put("iccid", json!(iccid));
    put("imsi", json!(seeded::imsi(view.sim)));
    if let Some(second) = view.seeded.imsi_2(view.sim) {
        put("imsi_2", json!(second));
    }
    put("current_imsi", json!(seeded::imsi(view.sim)));
    put("msisdn", json!(seeded::msisdn(view.sim)));
    if let Some(imei) = view.imei() {
        put("imei", json!(imei));
    }
    put("imei_lock", json!(shown.imei_lock));
    put("status", json!(status_word(call, view, shown.enabled, single)));
    put("activation_date", json!(activation_date(call, view, single)));
    put("ip_address", json!(view.ip_address()));
    put("current_quota", number(data.granted));
    put("quota_status", quota_status(call, &data));
    put("current_quota_SMS", number(sms.granted));
    put("quota_status_SMS", quota_status(call, &sms));
    if let Some(label) = shown.label {
        put("label", json!(label));
    }
    Value::Object(sim)
}

/// `GET /sims/{iccid}`; the recorded v1 answers an unknown one with an empty 200.
pub fn get(call: &Call<'_>, account: &mut Account) -> Reply {
    if call.any_sim(account).is_err() && !call.v2() && !call.strict() {
        return Ok(Answer::empty(200));
    }
    let sim = call.sim(account)?;
    Ok(Answer::json(
        200,
        sim_json(call, &account.view(sim, call.now), true),
    ))
}

/// Reads an update object; the specification's reading insists on types and, in v1, on required fields.
fn parse_update(call: &Call<'_>, object: &Value) -> Result<(Option<String>, SimUpdate), String> {
    let fields = object.as_object().ok_or("an update is an object")?;
    let iccid = text_field(object, "iccid")?;
    let enabled = match text_field(object, "status")?.as_deref() {
        None => None,
        Some("Enabled") => Some(true),
        Some("Disabled") => Some(false),
        // The words of the recorded single GET.
        Some("Activated") if !call.strict() => Some(true),
        Some("Deactivated") if !call.strict() => Some(false),
        Some(other) => return Err(format!("unknown status {other:?}")),
    };
    if call.strict() && !call.v2() && (iccid.is_none() || enabled.is_none()) {
        return Err("iccid and status are required".to_owned());
    }
    let imei_lock = match fields.get("imei_lock") {
        None | Some(Value::Null) => call.settings.put_resets_imei_lock.then_some(false),
        Some(Value::Bool(lock)) => Some(*lock),
        Some(_) => return Err("imei_lock must be a boolean".to_owned()),
    };
    let label = text_field(object, "label")?.map(|label| Some(label).filter(|l| !l.is_empty()));
    let most = call.settings.max_label_chars;
    if label.iter().flatten().any(|label| label.chars().count() > most) {
        return Err(format!("label must not exceed {most} characters"));
    }
    Ok((
        iccid,
        SimUpdate {
            label,
            imei_lock,
            enabled,
        },
    ))
}

/// `PUT /sims/{iccid}`.
pub fn put(call: &Call<'_>, account: &mut Account) -> Reply {
    let sim = call.sim_to_change(account)?;
    call.refuse_busy(account, sim)?;
    let (named, update) = parse_update(call, &call.json()?).map_err(|e| call.fail(400, &e))?;
    if call.strict() && named.is_some_and(|iccid| Some(&iccid) != call.params.first()) {
        return Err(call.fail(400, "iccid of body and path differ"));
    }
    match call.settings.put_delay_seconds {
        0 => account.update(sim, &update, call.now, call.settings),
        delay => account.queue(call.now + delay * 1000, Task::Update(sim, update)),
    }
    Ok(Answer::empty(200))
}

/// `POST /sims`: queued; unknown ICCIDs are swallowed, since acceptance is not success.
pub fn bulk_update(call: &Call<'_>, account: &mut Account) -> Reply {
    let body = call.json()?;
    let items = body
        .as_array()
        .ok_or_else(|| call.fail(400, "an array is expected"))?;
    call.check_bulk(items.len())?;
    let mut updates = Vec::new();
    for item in items {
        let (iccid, update) = parse_update(call, item).map_err(|e| call.fail(400, &e))?;
        if let Some(sim) = call.find(account, &iccid.unwrap_or_default()) {
            updates.push((sim, update));
        }
    }
    let sims: Vec<SimIndex> = updates.iter().map(|(sim, _)| *sim).collect();
    call.refuse_change(account, &sims)?;
    let due = call.now + call.settings.async_delay_seconds * 1000;
    for (sim, update) in updates {
        account.queue(due, Task::Update(sim, update));
    }
    Ok(Answer::empty(201))
}

/// `POST /sims/{iccid}/reset`: queued.
pub fn reset(call: &Call<'_>, account: &mut Account) -> Reply {
    let sim = call.sim_to_change(account)?;
    call.refuse_busy(account, sim)?;
    account.queue(
        call.now + call.settings.async_delay_seconds * 1000,
        Task::Reset(sim),
    );
    Ok(Answer::empty(201))
}

/// Target organisation (none = the parent) and SIMs of `POST /sims/simTransfer`; the pipeline moves them.
pub fn transfer_request(call: &Call<'_>, account: &Account) -> Result<(Option<u64>, Vec<SimIndex>), Answer> {
    let body = call.json()?;
    let target = match body.get("target_organisation") {
        None | Some(Value::Null) => None,
        Some(number) => Some(
            number
                .as_u64()
                .ok_or_else(|| call.fail(400, "target_organisation is a number"))?,
        ),
    };
    let list = |name: &str| body.get(name).and_then(Value::as_array).into_iter().flatten();
    call.check_bulk(list("iccids").count())?;
    let mut sims = Vec::new();
    for iccid in list("iccids") {
        let sim = call.find(account, iccid.as_str().unwrap_or_default());
        sims.push(sim.ok_or_else(|| call.not_found())?);
    }
    for range in list("iccid_ranges") {
        let end = |name: &str| range.get(name).and_then(Value::as_str).and_then(seeded::sim_of);
        let (Some(from), Some(to)) = (end("from"), end("to")) else {
            return Err(call.not_found());
        };
        let inside = |sim: &&SimIndex| (from..=to).contains(*sim) && call.knows(**sim);
        sims.extend(account.fleet.order().iter().filter(inside));
    }
    call.refuse_change(account, &sims)?;
    Ok((target, sims))
}
