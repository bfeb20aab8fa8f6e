//! An import: the lines go to sim-service as they arrive, and the job begins when all are there.

use std::sync::Arc;

use messages::pb::sim as pb;
use messages::sim_rpc;
use serde_json::json;
use service_runtime::ignored::Ignored;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{JobControl, control_job, get_job, lacks_job};
use crate::app::{Act, CHANGE_LIMIT, Gateway, RequestContext, is_refusal};
use crate::error::ApiError;

/// A piece of an import. Without an end the client hung up.
#[derive(Debug)]
pub enum Part {
    /// The columns that change something.
    Begin(Vec<&'static str>),
    /// At most 1,000 and 512 KiB.
    Lines(Vec<pb::ImportLine>),
    /// How many lines there were.
    End(u32),
    /// The rest cannot be taken.
    Fault(ApiError),
}

/// What is known of an import before its lines.
#[derive(Debug, Clone)]
pub struct NewImport {
    /// The name of the file, for people.
    pub source: String,
    /// Only tell what would change.
    pub dry_run: bool,
}

/// Makes a job of the parts. When they do not come to their end, the job is cancelled. A job with this id that is past
/// its upload is answered as it is.
pub async fn import_sims(
    gateway: Arc<Gateway>,
    context: RequestContext,
    id: Uuid,
    new: NewImport,
    mut parts: mpsc::Receiver<Part>,
) -> Result<pb::Job, ApiError> {
    let columns = match parts.recv().await {
        Some(Part::Begin(columns)) => columns,
        Some(Part::Fault(error)) => return Err(error),
        Some(Part::Lines(_) | Part::End(_)) | None => return Err(incomplete()),
    };
    let upload = Upload { gateway, context, id };
    // When nobody knows whether it was made it is left to sim-service: the same id may have been asked for before.
    let job = upload.create(new, &columns).await?;
    if job.status != UPLOADING {
        return Ok(job);
    }
    let job = upload.send(parts).await;
    if let Err(error) = &job {
        upload.cancel(error).await;
    }
    job
}

const UPLOADING: &str = "uploading";

struct Upload {
    gateway: Arc<Gateway>,
    context: RequestContext,
    id: Uuid,
}

impl Upload {
    async fn create(&self, new: NewImport, columns: &[&str]) -> Result<pb::Job, ApiError> {
        let act = Act {
            action: "sims.import",
            subject: self.id.to_string(),
            organization: self.context.principal.organization,
        };
        let details = json!({ "source": new.source, "dry_run": new.dry_run, "columns": columns });
        let request = pb::CreateJobRequest {
            scope: Some(self.context.principal.scope()),
            actor: Some(self.context.principal.actor()),
            job_id: self.id.to_string(),
            dry_run: new.dry_run,
            work: Some(pb::create_job_request::Work::Import(pb::ImportWork {
                source: new.source,
            })),
        };
        let gateway = &self.gateway;
        let answer = gateway.act::<sim_rpc::CreateJob>(&self.context, act, details, &request);
        answer.await?.job.ok_or_else(lacks_job)
    }

    async fn send(&self, mut parts: mpsc::Receiver<Part>) -> Result<pb::Job, ApiError> {
        while let Some(part) = parts.recv().await {
            match part {
                Part::Lines(lines) => self.add(lines).await?,
                Part::End(lines) => return self.submit(lines).await,
                Part::Fault(error) => return Err(error),
                Part::Begin(_) => {}
            }
        }
        Err(incomplete())
    }

    /// Once more when nobody knows whether they arrived: lines that came before are stored once.
    async fn add(&self, lines: Vec<pb::ImportLine>) -> Result<(), ApiError> {
        let request = pb::AddJobItemsRequest {
            scope: Some(self.context.principal.scope()),
            job_id: self.id.to_string(),
            lines,
        };
        let call = || {
            let bus = &self.gateway.bus;
            bus.call::<sim_rpc::AddJobItems>(&request, CHANGE_LIMIT, &self.context.request_id)
        };
        let stored = match call().await {
            Err(error) if !is_refusal(error.code) => call().await,
            stored => stored,
        };
        stored?;
        Ok(())
    }

    async fn submit(&self, lines: u32) -> Result<pb::Job, ApiError> {
        let request = pb::SubmitJobRequest {
            scope: Some(self.context.principal.scope()),
            job_id: self.id.to_string(),
            items: lines.into(),
        };
        let bus = &self.gateway.bus;
        let answer = bus
            .call::<sim_rpc::SubmitJob>(&request, CHANGE_LIMIT, &self.context.request_id)
            .await;
        match answer {
            Ok(answer) => answer.job.ok_or_else(lacks_job),
            Err(error) => match get_job(&self.gateway, &self.context, self.id).await {
                // Its answer got lost, not the request.
                Ok(job) if !is_refusal(error.code) && job.status != UPLOADING => Ok(job),
                _ => Err(error.into()),
            },
        }
    }

    /// No part of a file is carried out.
    async fn cancel(&self, error: &ApiError) {
        tracing::info!(job = %self.id, %error, "an import did not arrive completely");
        let cancelled = control_job(
            Arc::clone(&self.gateway),
            self.context.clone(),
            self.id,
            JobControl::Cancel,
        );
        cancelled
            .await
            .ignored("cancelling an import that did not arrive completely");
    }
}

fn incomplete() -> ApiError {
    ApiError::field("body", "did not arrive completely")
}
