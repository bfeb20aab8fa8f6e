//! What comes in: the Data Streamer over HTTP, batches, events, requests and ticks over NATS.

pub mod batches;
mod fleet;
pub mod http;
pub mod inventory;
mod readings;
mod rejects;
mod sim_events;
mod status;
pub mod ticks;
mod usage;

use messages::usage_rpc::{self, UsageService};
use service_runtime::bus::RpcServer;

use crate::app::App;

/// Every method.
pub fn serve(rpc: &mut RpcServer<UsageService, App>) {
    rpc.method(usage_rpc::SimUsage, usage::sim_usage)
        .method(usage_rpc::UsageSummary, usage::summary)
        .method(usage_rpc::TopUsage, usage::top)
        .method(usage_rpc::FleetNow, fleet::now)
        .method(usage_rpc::ExportUsage, usage::export)
        .method(usage_rpc::SimEvents, sim_events::list)
        .method(usage_rpc::IngestStatus, status::read)
        .method(usage_rpc::Differences, readings::differences)
        .method(usage_rpc::ListRejects, rejects::list)
        .action(usage_rpc::ReplayRejects, rejects::replay)
        .method(usage_rpc::StartUsageSync, readings::start);
}
