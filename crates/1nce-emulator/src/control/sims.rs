//! SIMs and orders as they are, and changes from outside the API.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, Path, Query};

use super::handlers::refuse;
use super::types::{
    AddSims, Added, ForCustomer, Id, NewEvent, OrderPatch, OrderTruth, ReceiveSms, SimPatch, SimTruth,
};
use crate::account::Account;
use crate::account::changes::SimUpdate;
use crate::account::delta::Service;
use crate::account::event_types::traits;
use crate::account::orders::COMPLETED;
use crate::clock::Millis;
use crate::config::Settings;
use crate::dates::rfc3339;
use crate::fleet::SimIndex;
use crate::fleet::seeded::{self, SLOT_SIZE};
use crate::world::{Domain, World};

/// Status and reason of a refusal.
pub struct Refused(pub u16, pub &'static str);

/// Place of the customer meant.
pub fn chosen(world: &World, who: &ForCustomer) -> Result<usize, Refused> {
    let Some(id) = &who.customer else {
        return Ok(0);
    };
    let user = world.users.iter().find(|user| user.client_id == *id);
    user.map(|user| user.account)
        .ok_or(Refused(404, "no such customer"))
}

/// The customer that has the SIM, and the SIM.
fn owner(domain: &Domain, iccid: &str) -> Result<(usize, SimIndex), Refused> {
    let found = domain
        .accounts
        .iter()
        .enumerate()
        .find_map(|(place, account)| Some((place, account.find(iccid)?)));
    found.ok_or(Refused(404, "no such SIM"))
}

/// The answer or the refusal.
pub fn either(result: Result<HttpResponse, Refused>) -> HttpResponse {
    result.unwrap_or_else(|Refused(status, why)| refuse(status, why))
}

/// Adds SIMs to a fleet.
pub async fn add(world: Data<World>, who: Query<ForCustomer>, wanted: Json<AddSims>) -> HttpResponse {
    let (mut domain, _) = world.settled();
    either(chosen(&world, &who).and_then(|place| {
        if wanted.count > SLOT_SIZE {
            return Err(Refused(400, "too many SIMs"));
        }
        let iccids = domain.accounts[place].add_sims(wanted.count, wanted.position);
        Ok(HttpResponse::Created().json(Added { iccids }))
    }))
}

/// Takes a SIM out of its fleet.
pub async fn remove(world: Data<World>, iccid: Path<String>) -> HttpResponse {
    let (mut domain, _) = world.settled();
    either(owner(&domain, &iccid).map(|(place, sim)| {
        drop(domain.accounts[place].give_up(sim));
        HttpResponse::NoContent().finish()
    }))
}

fn truth_of(account: &Account, sim: SimIndex, position: usize, now: Millis) -> SimTruth {
    let view = account.view(sim, now);
    let (data, sms) = (view.quota(Service::Data), view.quota(Service::Sms));
    SimTruth {
        iccid: view.iccid(),
        position,
        customer: account.client_id.clone(),
        label: view.label(),
        enabled: view.enabled(),
        expired: view.expired(),
        imei_lock: view.imei_lock(),
        imei: view.imei(),
        ip_address: view.ip_address(),
        connectivity: view.connectivity(),
        activation_date: rfc3339(view.activation_date()),
        expiry_date: rfc3339(view.expiry()),
        data_left_mb: data.left as f64 / 1e6,
        data_granted_mb: data.granted as f64 / 1e6,
        sms_left: sms.left / 1_000_000,
        sms_granted: sms.granted / 1_000_000,
        auto_topup: account.auto_topup.contains(&sim),
        messages: view.messages().len(),
    }
}

fn place_of(account: &Account, sim: SimIndex) -> usize {
    let mut order = account.fleet.order().iter();
    order.position(|other| *other == sim).unwrap_or_default()
}

fn single(account: &Account, sim: SimIndex, now: Millis) -> HttpResponse {
    HttpResponse::Ok().json(truth_of(account, sim, place_of(account, sim), now))
}

/// What is true about a SIM.
pub async fn truth(world: Data<World>, iccid: Path<String>) -> HttpResponse {
    let (domain, now) = world.settled();
    either(owner(&domain, &iccid).map(|(place, sim)| single(&domain.accounts[place], sim, now)))
}

/// What is true about every SIM of a customer, in list order.
pub async fn truths(world: Data<World>, who: Query<ForCustomer>) -> HttpResponse {
    let (domain, now) = world.settled();
    either(chosen(&world, &who).map(|place| {
        let account = &domain.accounts[place];
        let sims = account.fleet.order().iter().enumerate();
        let truths: Vec<SimTruth> = sims
            .map(|(position, sim)| truth_of(account, *sim, position, now))
            .collect();
        HttpResponse::Ok().json(truths)
    }))
}

/// Changes a SIM as the portal or the network would.
pub async fn patch(world: Data<World>, iccid: Path<String>, patch: Json<SimPatch>) -> HttpResponse {
    let chosen = [patch.change_status, patch.read_status];
    if chosen
        .iter()
        .flatten()
        .any(|status| *status != 0 && !(400..=599).contains(status))
    {
        return refuse(400, "change_status and read_status are between 400 and 599");
    }
    let settings = world.settings();
    let (mut domain, now) = world.settled();
    either(owner(&domain, &iccid).map(|(place, sim)| {
        let account = &mut domain.accounts[place];
        apply(account, sim, &patch, now, &settings);
        single(account, sim, now)
    }))
}

fn apply(account: &mut Account, sim: SimIndex, patch: &SimPatch, now: Millis, settings: &Settings) {
    if let Some(expired) = patch.expired {
        account.set_expiry(sim, expired.then_some(now - 1000));
    }
    let label = patch
        .label
        .clone()
        .map(|label| Some(label).filter(|l| !l.is_empty()));
    let update = SimUpdate {
        label,
        imei_lock: patch.imei_lock,
        enabled: patch.enabled,
    };
    account.update(sim, &update, now, settings);
    if let Some(imei) = &patch.imei {
        account.set_imei(sim, Some(imei.clone()).filter(|imei| !imei.is_empty()));
    }
    if let Some(left) = patch.data_left_mb {
        account.set_left(sim, Service::Data, (left * 1e6).round() as i64, now);
    }
    if let Some(left) = patch.sms_left {
        account.set_left(sim, Service::Sms, left.saturating_mul(1_000_000), now);
    }
    if patch.change_status.is_some() || patch.read_status.is_some() {
        account.set_answers(sim, patch.change_status, patch.read_status);
    }
    if let Some(fails) = patch.sms_fails {
        account.set_sms_fails(sim, fails);
    }
    if let Some(state) = patch.connectivity {
        account.set_connectivity(sim, state, now, settings);
    }
}

/// The device sends a message.
pub async fn receive_sms(world: Data<World>, iccid: Path<String>, sms: Json<ReceiveSms>) -> HttpResponse {
    let (mut domain, now) = world.settled();
    either(owner(&domain, &iccid).map(|(place, sim)| {
        let sms = sms.into_inner();
        let id = domain.accounts[place].receive_sms(sim, sms.payload, sms.source_address, now);
        HttpResponse::Created().json(Id { id })
    }))
}

/// Something happens to the SIM, its user or its organisation.
pub async fn add_event(world: Data<World>, iccid: Path<String>, event: Json<NewEvent>) -> HttpResponse {
    let (mut domain, now) = world.settled();
    either(owner(&domain, &iccid).map(|(place, sim)| {
        let NewEvent {
            event_type,
            description,
        } = event.into_inner();
        let text = description.unwrap_or_else(|| traits(event_type).name.to_owned());
        let id = domain.accounts[place].event(sim, event_type, text, None, now);
        HttpResponse::Created().json(Id { id })
    }))
}

/// All orders of a customer.
pub async fn orders(world: Data<World>, who: Query<ForCustomer>) -> HttpResponse {
    let (domain, _) = world.settled();
    either(chosen(&world, &who).map(|place| {
        let orders = domain.accounts[place].orders.values().map(|order| OrderTruth {
            number: order.number,
            kind: order.kind.name().to_owned(),
            status: order.status.clone(),
            iccids: order.sims.iter().map(|sim| seeded::iccid(*sim)).collect(),
        });
        HttpResponse::Ok().json(orders.collect::<Vec<_>>())
    }))
}

/// Pays or stops an order.
pub async fn patch_order(
    world: Data<World>,
    number: Path<u64>,
    who: Query<ForCustomer>,
    patch: Json<OrderPatch>,
) -> HttpResponse {
    let settings = world.settings();
    let (mut domain, now) = world.settled();
    either(chosen(&world, &who).and_then(|place| {
        let account = &mut domain.accounts[place];
        if !account.orders.contains_key(&number) {
            return Err(Refused(404, "no such order"));
        }
        if patch.status == COMPLETED {
            account.complete(*number, now, &settings);
        } else if let Some(order) = account.orders.get_mut(&number) {
            order.status = patch.status.clone();
        }
        Ok(HttpResponse::NoContent().finish())
    }))
}
