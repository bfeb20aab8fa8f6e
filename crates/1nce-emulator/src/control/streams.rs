//! Streams, and the sums of what they carry.

use actix_web::web::{Data, Json, Path, Query};
use actix_web::{HttpResponse, Responder};

use super::handlers::refuse;
use super::sims::{Refused, chosen, either};
use super::types::{ForCustomer, Id};
use crate::dates::parse_moment;
use crate::streams::types::{StreamConfig, TruthWindow};
use crate::streams::{self, truth};
use crate::world::{World, lock};

/// Every stream.
pub async fn list(world: Data<World>) -> impl Responder {
    let now = world.clock.now();
    Json(lock(&world.streams).list(now))
}

/// Starts a stream of a customer.
pub async fn create(world: Data<World>, who: Query<ForCustomer>, config: Json<StreamConfig>) -> HttpResponse {
    either(chosen(&world, &who).map(
        |account| match streams::create(&world, account, config.into_inner()) {
            Ok(id) => HttpResponse::Created().json(Id { id: id as i64 }),
            Err(why) => refuse(400, why),
        },
    ))
}

/// One stream.
pub async fn get(world: Data<World>, id: Path<u64>) -> HttpResponse {
    answer(&world, *id)
}

fn answer(world: &World, id: u64) -> HttpResponse {
    match lock(&world.streams).get(id, world.clock.now()) {
        Some(truth) => HttpResponse::Ok().json(truth),
        None => refuse(404, "no such stream"),
    }
}

/// Lets a failed stream run again.
pub async fn restart(world: Data<World>, id: Path<u64>) -> HttpResponse {
    lock(&world.streams).restart(*id, world.clock.now());
    answer(&world, *id)
}

/// Stops a stream for a while.
pub async fn pause(world: Data<World>, id: Path<u64>) -> HttpResponse {
    lock(&world.streams).pause(*id);
    answer(&world, *id)
}

/// Lets a paused stream go on.
pub async fn resume(world: Data<World>, id: Path<u64>) -> HttpResponse {
    lock(&world.streams).resume(*id);
    answer(&world, *id)
}

/// Ends a stream.
pub async fn delete(world: Data<World>, id: Path<u64>) -> HttpResponse {
    if lock(&world.streams).delete(*id) {
        HttpResponse::NoContent().finish()
    } else {
        refuse(404, "no such stream")
    }
}

/// What the usage records of a customer add up to.
pub async fn usage_truth(world: Data<World>, window: Query<TruthWindow>) -> HttpResponse {
    let who = ForCustomer {
        customer: window.customer.clone(),
    };
    either(chosen(&world, &who).and_then(|place| {
        let moment = |text: &str| parse_moment(text).ok_or(Refused(400, "from and to are RFC 3339"));
        let (from, to) = (moment(&window.from)?, moment(&window.to)?);
        let (domain, now) = world.settled();
        let sums = truth::usage(&domain.accounts[place], from, to, now);
        Ok(HttpResponse::Ok().json(sums))
    }))
}
