//! What the gateway asks about rejected records.

use messages::pb::usage as pb;
use service_runtime::bus::RpcError;
use service_runtime::wire::{self, number_cursor, page_size, refuse};

use crate::app::App;
use crate::error::AppError;
use crate::store::StoredReject;

pub async fn list(app: App, request: pb::ListRejectsRequest) -> Result<pb::ListRejectsResponse, RpcError> {
    let mut wrong = Vec::new();
    let size = page_size(request.page_size, 100, &mut wrong);
    let after = number_cursor(&request.cursor, &mut wrong);
    refuse(wrong)?;
    let found = app.rejects(after, request.include_replayed, size + 1).await?;
    let (rejects, next_cursor) = wire::page_of(found, size, |reject| {
        let id = reject.id;
        (told(reject), id)
    });
    Ok(pb::ListRejectsResponse { rejects, next_cursor })
}

pub async fn replay(
    app: App,
    request: pb::ReplayRejectsRequest,
) -> Result<pb::ReplayRejectsResponse, RpcError> {
    let ids: Result<Vec<i64>, _> = request.ids.iter().map(|id| id.parse()).collect();
    let ids = ids.map_err(|_| AppError::field("ids", "are ids of rejected records"))?;
    let replayed = app.replay_rejects(&ids).await?;
    Ok(pb::ReplayRejectsResponse {
        accepted: replayed.accepted,
        rejected: replayed.rejected,
    })
}

fn told(reject: StoredReject) -> pb::Reject {
    pb::Reject {
        id: reject.id.to_string(),
        kind: reject.kind,
        reason: reject.reason,
        raw: reject.raw,
        batch: reject
            .iccid
            .map_or_else(|| reject.batch.to_string(), |_| String::new()),
        received_at: Some(reject.received_at.into()),
        replayed_at: reject.replayed_at.map(Into::into),
        seen: reject.seen.unsigned_abs(),
        iccid: reject.iccid.map(|number| number.to_string()).unwrap_or_default(),
    }
}
