use std::sync::Arc;

use messages::pb::sim as pb;
use messages::sim_rpc;
use serde_json::json;
use uuid::Uuid;

use super::lacks_job;
use crate::app::{Act, Gateway, RequestContext};
use crate::error::ApiError;

/// What can be done to a job that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobControl {
    Pause,
    Resume,
    Cancel,
}

impl JobControl {
    /// The wire's word.
    const fn word(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Cancel => "cancel",
        }
    }

    const fn audited(self) -> &'static str {
        match self {
            Self::Pause => "job.pause",
            Self::Resume => "job.resume",
            Self::Cancel => "job.cancel",
        }
    }
}

/// Pauses, resumes or cancels a job, and answers it as it is then.
pub async fn control_job(
    gateway: Arc<Gateway>,
    context: RequestContext,
    id: Uuid,
    control: JobControl,
) -> Result<pb::Job, ApiError> {
    let act = Act {
        action: control.audited(),
        subject: id.to_string(),
        organization: context.principal.organization,
    };
    let request = pb::ControlJobRequest {
        scope: Some(context.principal.scope()),
        actor: Some(context.principal.actor()),
        job_id: id.to_string(),
        action: control.word().to_owned(),
    };
    let answer = gateway.act::<sim_rpc::ControlJob>(&context, act, json!({}), &request);
    answer.await?.job.ok_or_else(lacks_job)
}
