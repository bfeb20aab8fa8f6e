//! Jobs: sim-service's changes of many SIMs, which are made, fed and controlled here.

mod control;
mod create;
mod import;
mod receiver;

use messages::pb::sim as pb;
use messages::sim_rpc;
use uuid::Uuid;

pub use control::{JobControl, control_job};
pub use create::{BulkChange, JobTask, NewJob, Selection, create_job};
pub use import::{NewImport, Part, import_sims};
pub use receiver::can_receive;

use super::{Gateway, RequestContext};
use crate::error::{ApiCode, ApiError};

/// One job. Another organization's does not exist.
pub async fn get_job(gateway: &Gateway, context: &RequestContext, id: Uuid) -> Result<pb::Job, ApiError> {
    let question = pb::GetJobRequest {
        scope: Some(context.principal.scope()),
        job_id: id.to_string(),
    };
    let answer = gateway.ask::<sim_rpc::GetJob>(context, &question).await?;
    answer
        .job
        .ok_or_else(|| ApiError::new(ApiCode::NotFound, "the job does not exist"))
}

fn lacks_job() -> ApiError {
    ApiError::internal(&"sim-service's answer lacks the job")
}
