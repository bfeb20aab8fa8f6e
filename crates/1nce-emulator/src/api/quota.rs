//! `GET /sims/{iccid}/quota/{data,sms}` (FACTS §8).

use serde_json::{Value, json};

use super::answer::Answer;
use super::call::{Call, number};
use crate::account::Account;
use crate::account::delta::Service;
use crate::account::view::{Quota, View};
use crate::dates::{rfc3339, spaced};
use crate::fleet::consumption::round_up_to_kb;

/// Either quota of a SIM.
pub fn get(call: &Call<'_>, account: &mut Account, service: Service) -> Result<Answer, Answer> {
    let sim = call.sim(account)?;
    let view = account.view(sim, call.now);
    let quota = view.quota(service);
    let body = if call.v2() {
        v2(&view, &quota, service)
    } else {
        v1(call, &view, &quota, service)
    };
    Ok(Answer::json(200, body))
}

fn v1(call: &Call<'_>, view: &View<'_>, quota: &Quota, service: Service) -> Value {
    let date = |at| if call.strict() { rfc3339(at) } else { spaced(at) };
    let mut body = json!({
        "volume": number(quota.left.max(0)), "total_volume": number(quota.granted),
        "expiry_date": date(view.expiry()), "last_volume_added": number(quota.last_added),
        "last_status_change_date": date(quota.changed_at), "threshold_percentage": 20,
    });
    if service == Service::Data {
        body["peak_throughput"] = json!(1_000_000);
    }
    body
}

fn v2(view: &View<'_>, quota: &Quota, service: Service) -> Value {
    // Platform 2.0 bills whole KB, so a little less is left than v1 shows.
    let left = match service {
        Service::Data => quota.granted - round_up_to_kb(quota.granted - quota.left),
        Service::Sms => quota.left,
    };
    let (status, description) = match (view.expired(), quota.left <= 0) {
        (true, _) => (2, "EXPIRED"),
        (false, true) => (0, "EXHAUSTED"),
        (false, false) => (1, "ACTIVE"),
    };
    let (name, id) = match service {
        Service::Data => ("data", 1),
        Service::Sms => ("sms", 2),
    };
    json!({
        "id": i64::from(view.sim) * 2 + id, "status": { "id": status, "description": description },
        "volume": number(left), "total_volume": number(quota.total),
        "accumulated_total_volume": number(quota.granted), "last_volume_added": number(quota.last_added),
        "service": name, "threshold_percentage": 20, "threshold_volume": number(quota.total / 5),
        "expiry_date": rfc3339(view.expiry()), "created_at": rfc3339(view.activation_date()),
    })
}
