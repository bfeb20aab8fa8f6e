//! Work on many SIMs: sim-service does it as jobs, which are made, followed and controlled here.

use std::sync::Arc;
use std::time::Duration;

use domain::Iccid;
use messages::pb::sim as pb;
use messages::{RpcMethod, sim_rpc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::update_sim::UpdateSim;
use super::{Act, CHANGE_LIMIT, Gateway, RequestContext};
use crate::error::{ApiCode, ApiError};

const READ: Duration = Duration::from_secs(5);
/// ICCIDs that the audit log names.
const AUDITED: usize = 100;

/// Which SIMs a job is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// These, each once.
    Named(Vec<Iccid>),
    /// Those that match when the job begins; empty texts mean any.
    Filter(pb::SimFilter),
}

/// What every selected SIM gets.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Change {
    pub fields: UpdateSim,
    pub add_tags: Vec<String>,
    pub remove_tags: Vec<String>,
}

/// What is done to the selected SIMs.
#[derive(Debug, Clone, PartialEq)]
pub enum Work {
    Update(Box<Change>),
    /// They leave the account for this 1NCE customer number; `None`: for the parent.
    Transfer {
        target: Option<u64>,
    },
    /// Their lifetime is extended, which costs money.
    Extension {
        product: Option<i64>,
        /// Empty: 1NCE's default.
        payment_method: String,
    },
}

/// A job that is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    pub selection: Selection,
    pub work: Work,
    /// Only tell what would change.
    pub dry_run: bool,
}

/// Makes a job. The same id with the same request makes no second one.
pub async fn create_job(
    gateway: Arc<Gateway>,
    context: RequestContext,
    id: Uuid,
    new: NewJob,
) -> Result<pb::Job, ApiError> {
    if matches!(new.work, Work::Transfer { .. }) {
        context.platform_only("transferred SIMs leave the account")?;
    }
    let act = Act {
        action: new.work.action(),
        subject: id.to_string(),
        organization: context.principal.organization,
    };
    gateway.audit(&context, &act, new.details()).await?;
    let request = pb::CreateJobRequest {
        scope: Some(context.principal.scope()),
        actor: Some(context.principal.actor()),
        job_id: id.to_string(),
        dry_run: new.dry_run,
        work: Some(new.into_work()),
    };
    let answer = act_on::<sim_rpc::CreateJob>(&gateway, &context, &act, &request).await?;
    answer.job.ok_or_else(lacks_job)
}

/// Pauses, resumes or cancels a job; the action's word is the wire's.
pub async fn control_job(
    gateway: Arc<Gateway>,
    context: RequestContext,
    id: Uuid,
    action: Control,
) -> Result<pb::Job, ApiError> {
    let act = Act {
        action: action.audited(),
        subject: id.to_string(),
        organization: context.principal.organization,
    };
    gateway.audit(&context, &act, json!({})).await?;
    let request = pb::ControlJobRequest {
        scope: Some(context.principal.scope()),
        actor: Some(context.principal.actor()),
        job_id: id.to_string(),
        action: action.word().to_owned(),
    };
    let answer = act_on::<sim_rpc::ControlJob>(&gateway, &context, &act, &request).await?;
    answer.job.ok_or_else(lacks_job)
}

/// What can be done to a job that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    Pause,
    Resume,
    Cancel,
}

impl Control {
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

/// Asks about jobs.
pub async fn ask<M: RpcMethod>(
    gateway: &Gateway,
    context: &RequestContext,
    request: &M::Request,
) -> Result<M::Response, ApiError> {
    Ok(gateway.bus.call::<M>(request, READ, &context.request_id).await?)
}

/// One job. Another organization's does not exist.
pub async fn get_job(gateway: &Gateway, context: &RequestContext, id: Uuid) -> Result<pb::Job, ApiError> {
    let request = pb::GetJobRequest {
        scope: Some(context.principal.scope()),
        job_id: id.to_string(),
    };
    let answer = ask::<sim_rpc::GetJob>(gateway, context, &request).await?;
    answer.job.ok_or_else(no_such_job)
}

/// A job that does not exist, or not for this caller.
pub fn no_such_job() -> ApiError {
    ApiError::new(ApiCode::NotFound, "the job does not exist")
}

pub(super) fn lacks_job() -> ApiError {
    ApiError::internal(&"sim-service's answer lacks the job")
}

/// Asks for something that was written down; a refusal is written down too.
pub(super) async fn act_on<M: RpcMethod>(
    gateway: &Gateway,
    context: &RequestContext,
    act: &Act,
    request: &M::Request,
) -> Result<M::Response, ApiError> {
    let answer = gateway
        .bus
        .call::<M>(request, CHANGE_LIMIT, &context.request_id)
        .await;
    if let Err(error) = &answer {
        gateway.audit_failure(context, act, error.code).await;
    }
    Ok(answer?)
}

impl Work {
    const fn action(&self) -> &'static str {
        match self {
            Self::Update(_) => "sims.update",
            Self::Transfer { .. } => "sims.transfer",
            Self::Extension { .. } => "sims.extension",
        }
    }

    fn details(&self) -> Value {
        match self {
            Self::Update(change) => json!({
                "change": change.fields, "add_tags": change.add_tags, "remove_tags": change.remove_tags,
            }),
            Self::Transfer { target } => json!({ "target_organisation": target }),
            Self::Extension {
                product,
                payment_method,
            } => {
                json!({ "product_id": product, "payment_method": payment_method })
            }
        }
    }
}

impl NewJob {
    /// The request in short, for the audit log.
    fn details(&self) -> Value {
        let mut details = self.work.details();
        details["dry_run"] = json!(self.dry_run);
        match &self.selection {
            Selection::Named(iccids) => {
                details["sims"] = json!(iccids.iter().take(AUDITED).collect::<Vec<_>>());
                details["sims_count"] = json!(iccids.len());
            }
            Selection::Filter(filter) => {
                details["filter"] =
                    json!({ "status": filter.status, "tag": filter.tag, "search": filter.search });
            }
        }
        details
    }

    fn into_work(self) -> pb::create_job_request::Work {
        use pb::create_job_request::Work as Wire;
        let selection = Some(self.selection.into());
        match self.work {
            Work::Update(change) => Wire::Update(pb::UpdateWork {
                selection,
                change: Some((*change).into()),
            }),
            Work::Transfer { target } => Wire::Transfer(pb::TransferWork {
                selection,
                target_organisation: target.unwrap_or_default(),
            }),
            Work::Extension {
                product,
                payment_method,
            } => Wire::Extension(pb::ExtensionWork {
                selection,
                product_id: product,
                payment_method,
            }),
        }
    }
}

impl From<Selection> for pb::SimSelection {
    fn from(selection: Selection) -> Self {
        match selection {
            Selection::Named(iccids) => Self {
                iccids: iccids.iter().map(Iccid::to_string).collect(),
                filter: None,
            },
            Selection::Filter(filter) => Self {
                iccids: Vec::new(),
                filter: Some(filter),
            },
        }
    }
}

impl From<Change> for pb::SimChange {
    fn from(change: Change) -> Self {
        let Change {
            fields,
            add_tags,
            remove_tags,
        } = change;
        Self {
            label: fields.label,
            imei_lock: fields.imei_lock,
            status: fields.status.map(|status| status.word().to_owned()),
            tags: fields.tags.map(|tags| pb::TagList { tags }),
            metadata_json: fields
                .metadata
                .map(|metadata| Value::Object(metadata).to_string()),
            organization_id: fields.organization_id.map(|id| id.to_string()),
            add_tags,
            remove_tags,
        }
    }
}
