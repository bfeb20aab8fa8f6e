//! Monthly limits, one setting for all SIMs of a customer (FACTS §10).

use serde_json::{Value, json};

use super::answer::Answer;
use super::call::Call;
use crate::account::Account;
use crate::account::view::View;

type Reply = Result<Answer, Answer>;

/// Allowed steps; the id is the place in the list, starting at 1. Values other than 16 MB and 10 SMS are made up.
const DATA_STEPS: [i64; 6] = [16, 32, 64, 128, 256, 512];
const SMS_STEPS: [i64; 5] = [10, 25, 50, 100, 250];

fn step(steps: &[i64], id: i64) -> Option<i64> {
    usize::try_from(id - 1)
        .ok()
        .and_then(|place| steps.get(place).copied())
}

fn shown(steps: &[i64], id: i64, unit: &str) -> Value {
    json!({ "id": id, "limit": step(steps, id).unwrap_or_default().to_string(), "unit": unit })
}

/// `GET /sims/limits`; what is not set is left out.
pub fn get(_call: &Call<'_>, account: &mut Account) -> Reply {
    let mut body = json!({});
    if let Some(id) = account.limits.data {
        body["data"] = shown(&DATA_STEPS, id, "MB");
    }
    if let Some(id) = account.limits.sms_mt {
        body["smsMt"] = shown(&SMS_STEPS, id, "SMS");
    }
    if let Some(id) = account.limits.sms_mo {
        body["smsMo"] = shown(&SMS_STEPS, id, "SMS");
    }
    Ok(Answer::json(200, body))
}

/// `POST /sims/limits`; ids left out keep their setting.
pub fn set(call: &Call<'_>, account: &mut Account) -> Reply {
    let body = call.json()?;
    if !body.is_object() {
        return Err(call.fail(400, "limits are an object"));
    }
    let wanted = |name: &str, steps: &[i64], old: Option<i64>| match body.get(name) {
        None | Some(Value::Null) => Ok(old),
        Some(id) => match id.as_i64() {
            None => Err(call.fail(400, &format!("{name} must be an integer"))),
            Some(id) if step(steps, id).is_some() => Ok(Some(id)),
            Some(_) => Err(call.not_found()),
        },
    };
    let mut limits = account.limits;
    limits.data = wanted("dataLimitId", &DATA_STEPS, limits.data)?;
    limits.sms_mt = wanted("smsMtLimitId", &SMS_STEPS, limits.sms_mt)?;
    limits.sms_mo = wanted("smsMoLimitId", &SMS_STEPS, limits.sms_mo)?;
    account.limits = limits;
    Ok(Answer::empty(201))
}

/// `GET /sims/{service}/limits`: a list in truth, the single object in the specification.
pub fn steps(call: &Call<'_>, _account: &mut Account) -> Reply {
    let (name, steps, unit): (_, &[i64], _) = match call.params.first().map(String::as_str) {
        Some("data") => ("data", &DATA_STEPS, "MB"),
        Some("smsMT") => ("smsMt", &SMS_STEPS, "SMS"),
        Some("smsMO") => ("smsMo", &SMS_STEPS, "SMS"),
        _ => return Err(call.not_found()),
    };
    if call.strict() {
        return Ok(Answer::json(200, json!({ name: shown(steps, 1, unit) })));
    }
    let all = (1..=steps.len() as i64)
        .map(|id| shown(steps, id, unit))
        .collect();
    Ok(Answer::json(200, Value::Array(all)))
}

/// Whether the SIM used its monthly data limit up.
pub fn data_reached(account: &Account, view: &View<'_>) -> bool {
    let limit = account.limits.data.and_then(|id| step(&DATA_STEPS, id));
    limit.is_some_and(|limit| view.usage_this_month().data >= limit * 1_000_000)
}

/// The monthly MT limit, if the SIM reached it.
pub fn mt_exceeded(account: &Account, view: &View<'_>) -> Option<i64> {
    let limit = account.limits.sms_mt.and_then(|id| step(&SMS_STEPS, id))?;
    (view.mt_this_month() >= limit).then_some(limit)
}
