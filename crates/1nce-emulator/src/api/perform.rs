//! Carries a call out: is the generation there, who is calling, which operation.

use std::collections::HashMap;

use actix_web::web::Query;
use serde_json::Value;

use super::answer::Answer;
use super::call::Call;
use super::route::{Group, Lookup, Op, Route, Version};
use super::{Arrival, connectivity, events, limits, oauth, quota, shop, sims, sms, topup, usage};
use crate::account::Account;
use crate::account::delta::Service;
use crate::config::{Generation, Settings};
use crate::dates::spring;
use crate::world::{Domain, World, lock};

/// The answer of the API to a call that passed faults and limits.
pub fn perform(world: &World, arrival: &Arrival, customer: Option<usize>, settings: &Settings) -> Answer {
    if let Some(status) = arrival.refused_body {
        return Answer::gateway(status, "Request body refused");
    }
    let route = match &arrival.lookup {
        Lookup::Found(route) => route,
        Lookup::WrongMethod(version, group, allowed) => {
            let answer = match (version, group) {
                (Version::V2, _) => Answer::v2_error(405, "Method not allowed"),
                _ => Answer::gateway(405, "Method Not Allowed"),
            };
            return answer.header("Allow", allowed);
        }
        Lookup::Unknown(Some(Version::V2)) => return Answer::v2_error(404, "No such path"),
        Lookup::Unknown(_) => return Answer::gateway(404, "Not Found"),
    };
    if route.op == Op::Token {
        let now = world.clock.now();
        let mut tokens = lock(&world.tokens);
        return oauth::token(&arrival.login(), &world.users, &mut tokens, settings, now);
    }
    if let Some(gone) = retired(route, settings) {
        return gone;
    }
    let Some(customer) = customer else {
        return Answer::unauthorized(&arrival.path, &spring(world.clock.now()));
    };
    let (mut domain, now) = world.settled();
    let query = Query::<HashMap<String, String>>::from_query(&arrival.query);
    let query = query.map(Query::into_inner).unwrap_or_default();
    let foreign = names_foreign(&domain, customer, route, &arrival.body);
    let call = Call {
        version: route.version,
        settings,
        query: &query,
        body: &arrival.body,
        params: &route.params,
        now,
        base_url: &arrival.base_url,
        foreign,
    };
    let reply = match route.op {
        Op::Transfer => transfer(&call, &mut domain, customer),
        op => dispatch(op, &call, &mut domain.accounts[customer]),
    };
    reply.unwrap_or_else(|refusal| refusal)
}

/// Whether the path, or the list of SIMs in the body, names a SIM of another customer.
fn names_foreign(domain: &Domain, customer: usize, route: &Route, body: &[u8]) -> bool {
    let body: Value = match route.op {
        Op::BulkTopup | Op::AutoTopup | Op::Extend => serde_json::from_slice(body).unwrap_or_default(),
        _ => Value::Null,
    };
    let listed = body.as_array().or_else(|| body.get("iccids")?.as_array());
    let listed = listed.into_iter().flatten().filter_map(Value::as_str);
    route
        .params
        .iter()
        .map(String::as_str)
        .chain(listed)
        .any(|iccid| domain.is_foreign(customer, iccid))
}

/// The answer of a generation that is gone.
fn retired(route: &Route, settings: &Settings) -> Option<Answer> {
    match (route.version, route.group) {
        (Version::V1, Group::Sims) if settings.v1 == Generation::Retired => Some(Answer::gateway(
            settings.v1_retired_status,
            "API version v1 is retired. Please use v2.",
        )),
        (Version::V1, _) if settings.v1 == Generation::Retired && !settings.v1_orders_survive => {
            Some(Answer::gateway(
                settings.v1_retired_status,
                "API version v1 is retired. Please use v2.",
            ))
        }
        (Version::V2, _) if settings.v2 == Generation::Retired => Some(Answer::gateway(404, "Not Found")),
        _ => None,
    }
}

fn dispatch(op: Op, call: &Call<'_>, account: &mut Account) -> Result<Answer, Answer> {
    match op {
        Op::ListSims => sims::list(call, account),
        Op::BulkUpdate => sims::bulk_update(call, account),
        Op::GetSim => sims::get(call, account),
        Op::PutSim => sims::put(call, account),
        Op::Reset => sims::reset(call, account),
        Op::Status => connectivity::status(call, account),
        Op::ConnectivityInfo => connectivity::info(call, account),
        Op::Events => events::list(call, account),
        Op::Usage => usage::get(call, account),
        Op::DataQuota => quota::get(call, account, Service::Data),
        Op::SmsQuota => quota::get(call, account, Service::Sms),
        Op::ListSms => sms::list(call, account),
        Op::SendSms => sms::send(call, account),
        Op::GetSms => sms::get(call, account),
        Op::CancelSms => sms::cancel(call, account),
        Op::Topup => topup::one(call, account),
        Op::BulkTopup => topup::many(call, account),
        Op::AutoTopup => topup::auto(call, account),
        Op::Extend => topup::extend(call, account),
        Op::GetLimits => limits::get(call, account),
        Op::SetLimits => limits::set(call, account),
        Op::LimitSteps => limits::steps(call, account),
        Op::ListOrders => shop::list_orders(call, account),
        Op::PlaceOrder => shop::place_order(call, account),
        Op::GetOrder => shop::get_order(call, account),
        Op::Products => shop::products(call, account),
        Op::ListSupport => shop::list_cases(call, account),
        Op::OpenSupport => shop::open_case(call, account),
        Op::Token | Op::Transfer => Err(call.not_found()),
    }
}

/// `POST /sims/simTransfer`: queued, between customers this emulator knows.
fn transfer(call: &Call<'_>, domain: &mut Domain, from: usize) -> Result<Answer, Answer> {
    let (target, sims) = sims::transfer_request(call, &domain.accounts[from])?;
    let to = domain
        .accounts
        .iter()
        .position(|account| account.organisation == target);
    let to = to.ok_or_else(|| call.not_found())?;
    domain.transfer(
        call.now + call.settings.async_delay_seconds * 1000,
        from,
        to,
        sims,
    );
    Ok(Answer::empty(201))
}
