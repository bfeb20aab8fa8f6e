//! How the Data Streamer and the readings by API stand, and what could not be read.

mod body;
mod view;

pub use view::ShadowReadingView;

use messages::pb::usage as pb;
use messages::usage_rpc;
use serde_json::json;

use super::frame::authenticate::{ReadUsage, WriteSims};
use super::frame::fields::{Cursor, Flag, PageSize};
use super::frame::{Answer, Body, Call, Listed, Once, Operation, Query, fields, operations};
use crate::app::{Act, LONG_READ_LIMIT};
use crate::error::ApiError;
use body::ReplayRejectsBody;
use view::{IngestStatusView, RejectView, ReplayedView};

const RECORDS: &str = "received records concern the whole platform";

pub fn operations() -> Vec<Operation> {
    operations![get_ingest_status, list_rejects, replay_rejects]
}

fields! {
    /// Which rejected records.
    pub struct RejectsParams {
        page_size: PageSize,
        /// `next_cursor` of an earlier answer.
        cursor: Cursor,
        /// Also those that were read again.
        include_replayed: Flag,
    }
}

/// How the Data Streamer stands
///
/// Only for keys of the whole platform.
#[utoipa::path(get, path = "/api/v1/ingest/status", tag = "Ingest")]
async fn get_ingest_status(call: Call<ReadUsage>) -> Result<Answer<IngestStatusView>, ApiError> {
    call.context().platform_only(RECORDS)?;
    let status = call
        .ask_within::<usage_rpc::IngestStatus>(LONG_READ_LIMIT, |_| pb::IngestStatusRequest {})
        .await?;
    Ok(Answer(status.into()))
}

/// Records that could not be read
///
/// The oldest first. Only for keys of the whole platform.
#[utoipa::path(get, path = "/api/v1/ingest/rejects", tag = "Ingest")]
async fn list_rejects(
    call: Call<ReadUsage>,
    Query(params): Query<RejectsParams>,
) -> Result<Listed<RejectView>, ApiError> {
    call.context().platform_only(RECORDS)?;
    let page_size = params.page_size.get();
    let answer = call
        .ask_within::<usage_rpc::ListRejects>(LONG_READ_LIMIT, |_| pb::ListRejectsRequest {
            page_size,
            cursor: params.cursor.0,
            include_replayed: params.include_replayed.0,
        })
        .await?;
    Ok(Listed::of(answer.rejects, page_size, answer.next_cursor))
}

/// Read rejected records again
///
/// With today's rules; what is read now is stored as if it had just come. For rows of readings by API their SIMs are read
/// again. Only for keys of the whole platform.
#[utoipa::path(post, path = "/api/v1/ingest/rejects/replay", tag = "Ingest")]
async fn replay_rejects(
    call: Call<WriteSims>,
    body: Body<ReplayRejectsBody>,
) -> Result<Once<Answer<ReplayedView>>, ApiError> {
    let ids = body.value.ids()?;
    call.once(&body.bytes, move |call, _| async move {
        call.context().platform_only(RECORDS)?;
        let act = Act {
            action: "ingest.replay",
            subject: if ids.is_empty() { "all" } else { "some" }.to_owned(),
            organization: None,
        };
        let details = json!({ "ids": ids });
        let replayed = call
            .act::<usage_rpc::ReplayRejects>(act, details, |_, _| pb::ReplayRejectsRequest { ids })
            .await?;
        Ok(Answer(replayed.into()))
    })
    .await
}
