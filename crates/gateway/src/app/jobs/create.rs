use std::sync::Arc;

use domain::Iccid;
use messages::pb::sim as pb;
use messages::sim_rpc;
use serde_json::{Value, json};
use uuid::Uuid;

use super::lacks_job;
use crate::app::update_sim::UpdateSim;
use crate::app::{Act, Gateway, RequestContext};
use crate::error::ApiError;

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
pub struct BulkChange {
    pub fields: UpdateSim,
    pub add_tags: Vec<String>,
    pub remove_tags: Vec<String>,
}

/// What is done to the selected SIMs.
#[derive(Debug, Clone, PartialEq)]
pub enum JobTask {
    Change(Box<BulkChange>),
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
    pub task: JobTask,
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
    if matches!(new.task, JobTask::Transfer { .. }) {
        context.platform_only("transferred SIMs leave the account")?;
    }
    let act = Act {
        action: new.task.action(),
        subject: id.to_string(),
        organization: context.principal.organization,
    };
    let details = new.details();
    let request = pb::CreateJobRequest {
        scope: Some(context.principal.scope()),
        actor: Some(context.principal.actor()),
        job_id: id.to_string(),
        dry_run: new.dry_run,
        work: Some(new.into()),
    };
    let answer = gateway.act::<sim_rpc::CreateJob>(&context, act, details, &request);
    answer.await?.job.ok_or_else(lacks_job)
}

impl JobTask {
    const fn action(&self) -> &'static str {
        match self {
            Self::Change(_) => "sims.update",
            Self::Transfer { .. } => "sims.transfer",
            Self::Extension { .. } => "sims.extension",
        }
    }

    fn details(&self) -> Value {
        match self {
            Self::Change(change) => json!({
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
        let mut details = self.task.details();
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
}

impl From<NewJob> for pb::create_job_request::Work {
    fn from(new: NewJob) -> Self {
        let selection = Some(new.selection.into());
        match new.task {
            JobTask::Change(change) => Self::Update(pb::UpdateWork {
                selection,
                change: Some((*change).into()),
            }),
            JobTask::Transfer { target } => Self::Transfer(pb::TransferWork {
                selection,
                target_organisation: target.unwrap_or_default(),
            }),
            JobTask::Extension {
                product,
                payment_method,
            } => Self::Extension(pb::ExtensionWork {
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

impl From<BulkChange> for pb::SimChange {
    fn from(change: BulkChange) -> Self {
        let BulkChange {
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
