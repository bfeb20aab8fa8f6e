//! Carries a call out: is the generation there, who is calling, which operation.

use std::collections::HashMap;

use actix_web::web::Query;
use serde_json::Value;

use super::answer::Answer;
use super::call::Call;
use super::route::{Lookup, Op, Route, Version};
use super::{
    Arrival, connectivity, ended, events, limits, list, oauth, quota, shop, sims, sms, topup, usage,
};
use crate::account::Account;
use crate::account::delta::Service;
use crate::config::Settings;
use crate::dates::spring;
use crate::world::{Domain, World, lock};

/// The answer of the API to a call that passed faults and limits.
pub fn perform(world: &World, arrival: &Arrival, customer: Option<usize>, settings: &Settings) -> Answer {
    match arrival.refused_body {
        None => {}
        Some(411) => return Answer::html(411),
        Some(413) => return Answer::gateway(413, "Request Too Long"),
        Some(status) => return Answer::gateway(status, "Request body refused"),
    }
    if let Some(gone) = ended::path(arrival, settings, &spring(world.clock.now())) {
        return gone;
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
        Lookup::Unknown(_) if arrival.path == ended::PAGE => return Answer::html(200),
        Lookup::Unknown(_) => return Answer::gateway(404, "Not Found"),
    };
    if route.op == Op::Token {
        let now = world.clock.now();
        let mut tokens = lock(&world.tokens);
        return oauth::token(&arrival.login(), &world.users, &mut tokens, settings, now);
    }
    if let Some(gone) = ended::generation(route, settings) {
        return gone;
    }
    let Some(customer) = customer else {
        let at = spring(world.clock.now());
        return Answer::unauthorized(&arrival.told_path(settings), &at);
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

fn dispatch(op: Op, call: &Call<'_>, account: &mut Account) -> Result<Answer, Answer> {
    match op {
        Op::ListSims => list::list(call, account),
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

/// Place of the customer whose sub-organisations all others are.
const PARENT: usize = 0;

/// `POST /sims/simTransfer`: queued, between parent and sub-organisation (FACTS §5); without a target to the parent.
fn transfer(call: &Call<'_>, domain: &mut Domain, from: usize) -> Result<Answer, Answer> {
    let (target, sims) = sims::transfer_request(call, &domain.accounts[from])?;
    let to = match target {
        None if from == PARENT => return Err(call.fail(400, "the organisation has no parent")),
        None => PARENT,
        Some(target) => {
            let mut accounts = domain.accounts.iter();
            let found = accounts.position(|account| account.organisation == target);
            found.ok_or_else(|| call.not_found())?
        }
    };
    if from != PARENT && to != PARENT || from == to {
        return Err(call.fail(403, "SIMs move between a parent and its sub-organisations only"));
    }
    domain.transfer(
        call.now + call.settings.async_delay_seconds * 1000,
        from,
        to,
        sims,
    );
    Ok(Answer::empty(201))
}
