//! Top-ups, automatic top-ups and extensions: orders that cost money (FACTS §9).

use serde_json::Value;

use super::answer::Answer;
use super::call::{Call, EXPIRED};
use crate::account::Account;
use crate::account::orders::{OrderKind, PRODUCTS};
use crate::config::PaymentOutcome;
use crate::dates::DAY;
use crate::fleet::SimIndex;

type Reply = Result<Answer, Answer>;

const METHODS: [&str; 4] = ["banktransfer", "creditcard", "monthlyinvoice", "boleto"];
/// An extension is possible this long before the end.
const EXTENSION_OPENS: i64 = 92 * DAY;

/// The payment method; an unknown one is refused by one reading and means bank transfer in the other.
fn payment_method<'c>(call: &'c Call<'_>) -> Result<&'c str, Answer> {
    let method = named_method(call)?;
    if call.settings.payment_outcomes.of(method) == PaymentOutcome::Refused {
        return Err(Answer::gateway(400, "Payment was refused."));
    }
    Ok(method)
}

fn named_method<'c>(call: &'c Call<'_>) -> Result<&'c str, Answer> {
    match call.query.get("payment_method").map(String::as_str) {
        None | Some("") => Ok("banktransfer"),
        Some(method) if METHODS.contains(&method) => Ok(method),
        Some(_) if call.strict() => Err(Answer::gateway(400, "Payment method used is not valid.")),
        Some(_) => Ok("banktransfer"),
    }
}

fn placed(call: &Call<'_>, order: u64) -> Answer {
    if !call.settings.topup_location {
        return Answer::empty(201);
    }
    let version = if call.v2() { "v2" } else { "v1" };
    Answer::empty(201).header("Location", format!("{}/{version}/orders/{order}", call.base_url))
}

/// The specification's v2 top-up declares no 409: there an expired SIM is a bad request, in the v1 style.
fn declared(call: &Call<'_>, refusal: Answer) -> Answer {
    if call.strict() && call.v2() {
        Answer::gateway(400, EXPIRED)
    } else {
        refusal
    }
}

/// `POST /sims/{iccid}/topup`; keeps the v1 error style in v2.
pub fn one(call: &Call<'_>, account: &mut Account) -> Reply {
    if call.foreign {
        return Err(Answer::empty(403));
    }
    let sim = call.any_sim(account).map_err(|_| Answer::empty(404))?;
    call.refuse_broken(account, &[sim])?;
    call.refuse_expired(account, &[sim])
        .map_err(|refusal| declared(call, refusal))?;
    let method = payment_method(call)?;
    let order = account.order_topup(vec![sim], OrderKind::Topup, method, call.now, call.settings);
    Ok(placed(call, order))
}

/// SIMs of a list of ICCIDs; 403 if another customer has one, 404 for the first unknown one (FACTS §9).
fn sims_of(call: &Call<'_>, account: &Account, iccids: Option<&Value>) -> Result<Vec<SimIndex>, Answer> {
    let list = iccids
        .and_then(Value::as_array)
        .ok_or_else(|| call.fail(400, "a list of ICCIDs is expected"))?;
    if call.foreign {
        return Err(call.fail(403, "a SIM belongs to another customer"));
    }
    call.check_bulk(list.len())?;
    list.iter()
        .map(|iccid| {
            let iccid = iccid
                .as_str()
                .ok_or_else(|| call.fail(400, "an ICCID is a string"))?;
            call.find(account, iccid).ok_or_else(|| call.not_found())
        })
        .collect()
}

/// `POST /sims/topup`.
pub fn many(call: &Call<'_>, account: &mut Account) -> Reply {
    let body = call.json()?;
    let sims = sims_of(call, account, Some(&body))?;
    call.refuse_change(account, &sims)?;
    let method = payment_method(call)?;
    if sims.is_empty() {
        return Err(call.fail(400, "the list of ICCIDs is empty"));
    }
    let order = account.order_topup(sims, OrderKind::BulkTopup, method, call.now, call.settings);
    Ok(placed(call, order))
}

/// `POST /sims/autoTopup`; no endpoint reads it back.
pub fn auto(call: &Call<'_>, account: &mut Account) -> Reply {
    let body = call.json()?;
    let enabled = body.get("enabled").and_then(Value::as_bool);
    let enabled = enabled.ok_or_else(|| call.fail(400, "enabled must be true or false"))?;
    let sims = sims_of(call, account, body.get("iccids"))?;
    call.refuse_change(account, &sims)?;
    for sim in sims {
        if enabled {
            account.auto_topup.insert(sim);
        } else {
            account.auto_topup.remove(&sim);
        }
    }
    Ok(Answer::empty(201))
}

/// `POST /sims/extension`: from three months before the end; also for expired SIMs.
pub fn extend(call: &Call<'_>, account: &mut Account) -> Reply {
    let body = call.json()?;
    let sims = sims_of(call, account, body.get("iccids"))?;
    if sims.is_empty() {
        return Err(call.fail(400, "at least one ICCID is needed"));
    }
    if let Some(product) = body.get("productId").filter(|product| !product.is_null())
        && !PRODUCTS.iter().any(|known| Some(known.id) == product.as_i64())
    {
        return Err(call.fail(400, "unknown productId"));
    }
    if sims
        .iter()
        .any(|sim| account.view(*sim, call.now).expiry() > call.now + EXTENSION_OPENS)
    {
        return Err(call.fail(400, "a SIM can be extended from three months before its end"));
    }
    call.refuse_broken(account, &sims)?;
    let method = payment_method(call)?;
    account.order_topup(sims, OrderKind::TariffChange, method, call.now, call.settings);
    Ok(Answer::empty(201))
}
