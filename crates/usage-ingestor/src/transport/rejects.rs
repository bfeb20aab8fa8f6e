//! What the gateway asks about rejected records.

use messages::pb::usage as pb;
use messages::usage_rpc;
use service_runtime::bus::{BusError, RpcError, RpcServer};

use crate::app::App;
use crate::error::AppError;
use crate::store::StoredReject;

/// Bytes of one answer; NATS takes messages of 1 MiB.
const ANSWER_BYTES: usize = 700 * 1024;

/// Registers the methods.
///
/// # Errors
/// When NATS refuses a subscription.
pub async fn serve(server: &RpcServer, app: &App) -> Result<(), BusError> {
    let shared = app.clone();
    server
        .method(usage_rpc::ListRejects, move |request, _| {
            let app = shared.clone();
            async move { list(&app, request).await }
        })
        .await?;
    let shared = app.clone();
    server
        .action(usage_rpc::ReplayRejects, move |request, _| {
            let app = shared.clone();
            async move { replay(&app, request).await }
        })
        .await
}

async fn list(app: &App, request: pb::ListRejectsRequest) -> Result<pb::ListRejectsResponse, RpcError> {
    if !(1..=100).contains(&request.page_size) {
        return Err(RpcError::field("page_size", "is 1 to 100"));
    }
    let after = match request.cursor.as_str() {
        "" => 0,
        cursor => cursor
            .parse()
            .map_err(|_| RpcError::field("cursor", "is not one that a page gave"))?,
    };
    let wanted = request.page_size as usize;
    let mut rejects = app
        .rejects(after, request.include_replayed, i64::from(request.page_size) + 1)
        .await?;
    let mut more = rejects.len() > wanted;
    rejects.truncate(wanted);
    let mut bytes = 0;
    let fitting = rejects
        .iter()
        .take_while(|reject| {
            bytes += reject.raw.len() + reject.reason.len() + 100;
            bytes <= ANSWER_BYTES
        })
        .count();
    more |= fitting < rejects.len();
    rejects.truncate(fitting);
    let last = rejects.last().map(|reject| reject.id.to_string());
    Ok(pb::ListRejectsResponse {
        next_cursor: last.filter(|_| more).unwrap_or_default(),
        rejects: rejects.into_iter().map(wire).collect(),
    })
}

async fn replay(app: &App, request: pb::ReplayRejectsRequest) -> Result<pb::ReplayRejectsResponse, RpcError> {
    let ids: Result<Vec<i64>, _> = request.ids.iter().map(|id| id.parse()).collect();
    let ids = ids.map_err(|_| AppError::field("ids", "are ids of rejected records"))?;
    let replayed = app.replay_rejects(&ids).await?;
    Ok(pb::ReplayRejectsResponse {
        accepted: replayed.accepted,
        rejected: replayed.rejected,
    })
}

fn wire(reject: StoredReject) -> pb::Reject {
    pb::Reject {
        id: reject.id.to_string(),
        kind: reject.kind,
        reason: reject.reason,
        raw: reject.raw,
        batch: reject.batch.to_string(),
        received_at: Some(reject.received_at.into()),
        replayed_at: reject.replayed_at.map(Into::into),
        seen: reject.seen.unsigned_abs(),
    }
}
