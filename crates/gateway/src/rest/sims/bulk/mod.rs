//! Changes of many SIMs, each a job.

mod body;

use bytes::Bytes;

use crate::app::jobs::{NewJob, create_job};
use crate::error::ApiError;
use crate::rest::frame::authenticate::{ManageOrders, Needs, WriteSims};
use crate::rest::frame::{Accepted, Call, CheckedBody, Once, Operation, operations};
use crate::rest::jobs::JobView;
use body::{ExtendSimsBody, TransferSimsBody, UpdateSimsBody};

/// The largest body: ten thousand ICCIDs and what they get.
const BODY_BYTES: usize = 1024 * 1024;

pub fn operations() -> Vec<Operation> {
    operations![update_sims, transfer_sims, extend_sims]
}

/// Change many SIMs
///
/// Those that are named, that have a tag, or that a filter matches when the job begins.
#[utoipa::path(post, path = "/api/v1/sims", tag = "SIMs")]
async fn update_sims(
    call: Call<WriteSims>,
    CheckedBody(body): CheckedBody<UpdateSimsBody, BODY_BYTES>,
) -> Result<Once<Accepted<JobView>>, ApiError> {
    start(call, &body.bytes, body.value.try_into()?).await
}

/// Transfer SIMs to another 1NCE organisation
///
/// They leave the account. Only for keys of the whole platform.
#[utoipa::path(post, path = "/api/v1/sims/transfer", tag = "SIMs")]
async fn transfer_sims(
    call: Call<WriteSims>,
    CheckedBody(body): CheckedBody<TransferSimsBody, BODY_BYTES>,
) -> Result<Once<Accepted<JobView>>, ApiError> {
    start(call, &body.bytes, body.value.try_into()?).await
}

/// Extend the lifetime of SIMs
///
/// An order at 1NCE, which costs money.
#[utoipa::path(post, path = "/api/v1/sims/extension", tag = "SIMs")]
async fn extend_sims(
    call: Call<ManageOrders>,
    CheckedBody(body): CheckedBody<ExtendSimsBody, BODY_BYTES>,
) -> Result<Once<Accepted<JobView>>, ApiError> {
    start(call, &body.bytes, body.value.try_into()?).await
}

async fn start<N: Needs>(
    call: Call<N>,
    bytes: &Bytes,
    new: NewJob,
) -> Result<Once<Accepted<JobView>>, ApiError> {
    call.once(bytes, move |call, id| async move {
        let made = call.run(|gateway, context| create_job(gateway, context, id, new));
        Ok(Accepted(made.await?.into()))
    })
    .await
}
