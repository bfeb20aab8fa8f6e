//! `GET /sims/{iccid}/usage` (FACTS §7).

use serde_json::{Value, json};

use super::answer::Answer;
use super::call::{Call, number};
use crate::account::Account;
use crate::account::view::{DayUse, View};
use crate::config::UsageShape;
use crate::dates::{DAY, day_of, day_string, month_start, months_before, parse_day, rfc3339};
use crate::fleet::consumption::round_up_to_kb;

/// How far back usage reaches.
const MONTHS: u32 = 6;

/// First and last day asked for, cut to the last six months; nothing for reversed or nonsense dates.
fn window(call: &Call<'_>) -> Option<(i64, i64)> {
    let today = day_of(call.now);
    let day = |name: &str, default: i64| match call.query.get(name) {
        None => Some(default),
        Some(text) => parse_day(text),
    };
    let (start, end) = (day("start_dt", month_start(today))?, day("end_dt", today)?);
    let (start, end) = (start.max(months_before(today, MONTHS)), end.min(today));
    (start <= end).then_some((start, end))
}

/// Daily rows; where v2 has none, the path is unknown.
pub fn get(call: &Call<'_>, account: &mut Account) -> Result<Answer, Answer> {
    if call.v2() && !call.settings.v2_usage {
        return Err(call.fail(404, "No such path"));
    }
    let sim = call.sim(account)?;
    let view = account.view(sim, call.now);
    let days: Vec<(i64, DayUse)> = window(call)
        .into_iter()
        .flat_map(|(start, end)| start..=end)
        .map(|day| (day, used(call, &view, day)))
        .collect();
    Ok(match call.settings.v2_usage_shape {
        UsageShape::Daily if call.v2() => {
            Answer::json(200, days.iter().map(|(day, usage)| daily(*day, usage)).collect())
        }
        _ => Answer::json(200, json!({ "stats": stats(call, &days) })),
    })
}

/// Platform 2.0 counts whole KB.
fn used(call: &Call<'_>, view: &View<'_>, day: i64) -> DayUse {
    let mut usage = view.usage_on(day);
    if call.v2() {
        usage.data = round_up_to_kb(usage.data);
    }
    usage
}

fn sent(usage: &DayUse) -> i64 {
    usage.data * 7 / 10
}

/// Newest first; the recorded reading closes with a `TOTAL` row.
fn stats(call: &Call<'_>, days: &[(i64, DayUse)]) -> Vec<Value> {
    let (mut total, mut total_sent) = (DayUse::default(), 0);
    let mut rows = Vec::new();
    for (day, usage) in days.iter().rev() {
        total = DayUse {
            data: total.data + usage.data,
            mo: total.mo + usage.mo,
            mt: total.mt + usage.mt,
        };
        total_sent += sent(usage);
        let date = if call.strict() {
            rfc3339(day * DAY)
        } else {
            day_string(*day)
        };
        rows.push(row(call, date, usage, sent(usage), true));
    }
    if !call.strict() {
        rows.push(row(call, "TOTAL".to_owned(), &total, total_sent, false));
    }
    rows
}

/// A guess: see [`UsageShape::Daily`].
fn daily(day: i64, usage: &DayUse) -> Value {
    let (tx, rx) = (sent(usage), usage.data - sent(usage));
    json!({
        "date": day_string(day),
        "data": { "volume": { "tx": number(tx), "rx": number(rx), "total": number(usage.data) } },
        "sms": { "volume": { "tx": usage.mo, "rx": usage.mt, "total": usage.mo + usage.mt } },
    })
}

/// Six decimals of a MB; recordings show nothing as a bare `0`.
fn megabytes(call: &Call<'_>, millionths: i64) -> String {
    if millionths == 0 && !call.strict() {
        return "0".to_owned();
    }
    format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000)
}

/// Days without use leave out `cost`, `currency` and `traffic_type`; so does the sum.
fn row(call: &Call<'_>, date: String, usage: &DayUse, sent: i64, detailed: bool) -> Value {
    let mut data = json!({
        "volume": megabytes(call, usage.data), "volume_tx": megabytes(call, sent), "volume_rx": megabytes(call, usage.data - sent),
    });
    if detailed && usage.data > 0 {
        data["cost"] = json!(megabytes(call, usage.data));
        data["currency"] = json!({ "id": 1, "symbol": "€", "code": "EUR" });
        data["traffic_type"] = json!({ "id": 5, "description": "Data", "unit": "MB" });
    }
    // Here rx counts what the device sent (MO); the Data Streamer says it the other way round.
    let count = usage.mo + usage.mt;
    let mut sms = json!({
        "volume": count.to_string(), "volume_tx": usage.mt.to_string(), "volume_rx": usage.mo.to_string(),
    });
    if detailed && count > 0 {
        sms["cost"] = json!(count.to_string());
        sms["currency"] = json!({ "id": 1, "symbol": "€", "code": "EUR" });
        sms["traffic_type"] = json!({ "id": 6, "description": "SMS", "unit": "SMS" });
    }
    json!({ "date": date, "data": data, "sms": sms })
}
