//! The REST API: the only file that knows every resource.

pub(crate) mod frame;

mod audit;
mod documents;
mod fleet;
mod health;
mod identity;
mod ingest;
mod jobs;
mod live;
mod provider;
mod server;
mod sim_events;
pub(crate) mod sims;
mod sync;
mod usage;

use std::net::SocketAddr;
use std::sync::Arc;

use actix_web::dev::{Server, ServerHandle};
use actix_web::web;
use service_runtime::ignored::Ignored;

use crate::app::Gateway;
use crate::app::write_usage::write_usage;
use crate::cache::Membership;
use crate::error::GatewayError;
use frame::Operation;
use frame::routes::Routes;

pub use documents::openapi;

/// What there is at the gateway's addresses.
const RESOURCES: &[fn() -> Vec<Operation>] = &[
    fleet::operations,
    sims::operations,
    sim_events::operations,
    jobs::operations,
    usage::operations,
    ingest::operations,
    sync::operations,
    provider::operations,
    live::operations,
    identity::operations,
    audit::operations,
    health::operations,
    documents::operations,
];

fn operations() -> Vec<Operation> {
    RESOURCES.iter().flat_map(|resource| resource()).collect()
}

/// Binds and serves; the end of the process waits for it.
pub(crate) fn serve(gateway: Arc<Gateway>, membership: Membership) -> Result<SocketAddr, GatewayError> {
    let routes = Routes::new(operations())?;
    let (server, addr) = server::server(&gateway, &web::Data::new(routes))?;
    let handle = server.handle();
    let shutdown = gateway.shutdown.clone();
    shutdown.spawn(keep(gateway, server, handle, membership));
    Ok(addr)
}

/// Serves and counts until the end; the last counts are taken when no request can come any more.
async fn keep(gateway: Arc<Gateway>, server: Server, handle: ServerHandle, membership: Membership) {
    let server = tokio::spawn(server);
    while gateway.shutdown.sleep(gateway.config.keys.usage_flush()).await {
        write_usage(&gateway).await;
    }
    handle.stop(true).await;
    match server.await {
        Ok(outcome) => outcome.ignored("stopping the HTTP server"),
        Err(error) => tracing::error!(%error, "the HTTP server did not stop in order"),
    }
    drop(membership);
    write_usage(&gateway).await;
}
