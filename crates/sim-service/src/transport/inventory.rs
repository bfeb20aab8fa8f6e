//! What services ask that keep a copy of the inventory.

use messages::pb::sim as pb;
use messages::sim_rpc;
use service_runtime::bus::{BusError, RpcError, RpcServer};

use super::convert;
use super::rpc::iccid;
use crate::app::App;

/// Members of one page.
const MOST_MEMBERS: u32 = 2_000;

/// Registers the methods.
///
/// # Errors
/// When NATS refuses a subscription.
pub async fn serve(server: &RpcServer, app: &App) -> Result<(), BusError> {
    let shared = app.clone();
    server
        .method(sim_rpc::Members, move |request, _| {
            let app = shared.clone();
            async move { members(&app, request).await }
        })
        .await
}

async fn members(app: &App, request: pb::MembersRequest) -> Result<pb::MembersResponse, RpcError> {
    if !(1..=MOST_MEMBERS).contains(&request.limit) {
        return Err(RpcError::field("limit", "is 1 to 2000"));
    }
    let after = match request.after_iccid.as_str() {
        "" => 0,
        text => iccid(text)?.as_i64(),
    };
    let (members, more) = app.members(after, request.limit).await?;
    let (members, all) = convert::members(members);
    Ok(pb::MembersResponse {
        members,
        has_next: more || !all,
    })
}
