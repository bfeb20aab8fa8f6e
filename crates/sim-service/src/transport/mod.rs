//! What comes in over NATS: requests and ticks.

mod fleet;
mod inventory;
mod jobs;
mod provider;
mod sims;
mod sync;
pub mod ticks;

use messages::sim_rpc::{self, SimService};
use service_runtime::bus::RpcServer;

use crate::app::App;

/// Every method.
pub fn serve(rpc: &mut RpcServer<SimService, App>) {
    rpc.method(sim_rpc::GetSim, sims::get)
        .method(sim_rpc::ListSims, sims::list)
        .action(sim_rpc::UpdateSim, sims::update)
        .method(sim_rpc::StartSync, sync::start)
        .method(sim_rpc::SyncStatus, sync::status)
        .method(sim_rpc::FleetCounts, fleet::counts)
        .method(sim_rpc::Members, inventory::members)
        .method(sim_rpc::Discover, inventory::discover)
        .action(sim_rpc::CreateJob, jobs::create)
        .action(sim_rpc::AddJobItems, jobs::add)
        .action(sim_rpc::SubmitJob, jobs::submit)
        .method(sim_rpc::ListJobs, jobs::list)
        .method(sim_rpc::GetJob, jobs::get)
        .method(sim_rpc::JobResults, jobs::results)
        .action(sim_rpc::ControlJob, jobs::control)
        .method(sim_rpc::ProviderReadiness, provider::readiness);
}
