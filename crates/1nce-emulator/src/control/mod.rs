//! `/_emulator/…`: what tests use to look behind the API and to change the world.

pub mod client;
mod handlers;
mod sims;
mod streams;
pub mod types;

use actix_web::web::{self, ServiceConfig};

/// Path in front of every control call.
pub const PREFIX: &str = "/_emulator";

/// Mounts the control API.
pub fn routes(config: &mut ServiceConfig) {
    config.service(
        web::scope(PREFIX)
            .default_service(web::to(handlers::nothing))
            .route("", web::get().to(handlers::index))
            .route("/", web::get().to(handlers::index))
            .route("/health", web::get().to(handlers::health))
            .route("/calls", web::get().to(handlers::calls))
            .route("/calls", web::delete().to(handlers::reset_calls))
            .route("/stats", web::get().to(handlers::stats))
            .route("/config", web::get().to(handlers::settings))
            .route("/config", web::post().to(handlers::change_settings))
            .route("/time", web::get().to(handlers::time))
            .route("/time", web::post().to(handlers::advance))
            .route("/tokens", web::delete().to(handlers::revoke))
            .route("/faults", web::get().to(handlers::faults))
            .route("/faults", web::post().to(handlers::add_fault))
            .route("/faults", web::delete().to(handlers::clear_faults))
            .route("/faults/{id}", web::delete().to(handlers::remove_fault))
            .route("/orders", web::get().to(sims::orders))
            .route("/orders/{number}", web::patch().to(sims::patch_order))
            .route("/streams", web::get().to(streams::list))
            .route("/streams", web::post().to(streams::create))
            .route("/streams/{id}", web::get().to(streams::get))
            .route("/streams/{id}", web::delete().to(streams::delete))
            .route("/streams/{id}/restart", web::post().to(streams::restart))
            .route("/streams/{id}/pause", web::post().to(streams::pause))
            .route("/streams/{id}/resume", web::post().to(streams::resume))
            .route("/usage-truth", web::get().to(streams::usage_truth))
            .route("/sims", web::get().to(sims::truths))
            .route("/sims", web::post().to(sims::add))
            .route("/sims/{iccid}", web::get().to(sims::truth))
            .route("/sims/{iccid}", web::patch().to(sims::patch))
            .route("/sims/{iccid}", web::delete().to(sims::remove))
            .route("/sims/{iccid}/sms", web::post().to(sims::receive_sms))
            .route("/sims/{iccid}/events", web::post().to(sims::add_event)),
    );
}
