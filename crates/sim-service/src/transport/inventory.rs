//! What services ask that keep a copy of the inventory.

use domain::Iccid;
use messages::pb::sim as pb;
use service_runtime::bus::RpcError;
use service_runtime::wire::{self, iccid};

use crate::app::App;
use crate::wire::sims;

/// Members of one page.
const MOST_MEMBERS: u32 = 2_000;
/// SIMs of one question.
const MOST_WANTED: usize = 1_000;

pub async fn members(app: App, request: pb::MembersRequest) -> Result<pb::MembersResponse, RpcError> {
    if !(1..=MOST_MEMBERS).contains(&request.limit) {
        return Err(RpcError::field("limit", "is 1 to 2000"));
    }
    let after = match request.after_iccid.as_str() {
        "" => 0,
        text => iccid(text)?.as_i64(),
    };
    let (members, more) = app.members(after, request.limit).await?;
    let (members, all) = wire::fit(members.into_iter().map(sims::member));
    Ok(pb::MembersResponse {
        members,
        has_next: more || !all,
    })
}

pub async fn discover(app: App, request: pb::DiscoverRequest) -> Result<pb::DiscoverResponse, RpcError> {
    if request.iccids.len() > MOST_WANTED {
        return Err(RpcError::field("iccids", "are at most 1000"));
    }
    let iccids: Result<Vec<Iccid>, RpcError> = request.iccids.iter().map(|text| iccid(text)).collect();
    let mut iccids = iccids?;
    iccids.sort_unstable();
    iccids.dedup();
    let discovery = app.discover(iccids).await?;
    // Members that do not fit are told when they are asked for again.
    let (known, _) = wire::fit(discovery.known.into_iter().map(sims::member));
    Ok(pb::DiscoverResponse {
        known,
        looked_for: u32::try_from(discovery.looked_for).unwrap_or(u32::MAX),
    })
}
