//! Bulk work in the audit log: when a job has ended, which SIMs it changed.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::{AckKind, Message};
use domain::{OrganizationId, Scope};
use messages::pb::common::Actor;
use messages::pb::sim::{JobCompleted, JobResultsRequest};
use messages::{DecodedEvent, EVENTS, ErrorCode, EventType, decode_event, header, sim_rpc};
use sea_orm::DbErr;
use serde_json::json;
use service_runtime::bus::{ConsumerSpec, Outcome, RpcError, consume};
use service_runtime::ignored::Ignored;
use uuid::Uuid;

use crate::app::Gateway;
use crate::store::audit::{self, AuditEntry};

/// As long as the event is kept, 7 days, its job is asked for: one try a minute.
const SPEC: ConsumerSpec = ConsumerSpec {
    stream: EVENTS,
    durable: "gateway-audit-jobs",
    filter: "evt.v1.job.completed.>",
    max_deliver: 7 * 24 * 60,
    ack_wait: Duration::from_secs(60),
};
const RETRY: Duration = Duration::from_secs(60);
const READ: Duration = Duration::from_secs(15);
/// SIMs of one row, and results of one page.
const PART: usize = 1000;
/// What may have changed a SIM.
const OUTCOMES: [&str; 2] = ["succeeded", "uncertain"];

/// Why a job is not in the log yet.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the database: {0}")]
    Database(#[from] DbErr),
    #[error("sim-service: {0}")]
    Rpc(#[from] RpcError),
    #[error("the process ends")]
    End,
    /// It never will be.
    #[error("{0}")]
    Bad(String),
}

impl Failure {
    fn outcome(self) -> Outcome {
        match self {
            Self::Bad(reason) => Outcome::Poison(reason),
            Self::End => Outcome::Retry(Duration::ZERO),
            Self::Rpc(error) if matches!(error.code, ErrorCode::NotFound | ErrorCode::Validation) => {
                Outcome::Poison(error.to_string())
            }
            Self::Database(_) | Self::Rpc(_) => {
                tracing::warn!(error = %self, "a job is written into the audit log later");
                Outcome::Retry(RETRY)
            }
        }
    }
}

/// Follows the ends of jobs.
pub(crate) fn start(gateway: &Arc<Gateway>) {
    let follower = Arc::clone(gateway);
    let handler = move |message: Message| {
        let gateway = Arc::clone(&follower);
        async move {
            match handle(&gateway, &message).await {
                Ok(()) => Outcome::Done,
                Err(failure) => failure.outcome(),
            }
        }
    };
    let (bus, metrics, end) = (
        gateway.bus.clone(),
        gateway.metrics.clone(),
        gateway.shutdown.clone(),
    );
    gateway.shutdown.spawn(consume(bus, SPEC, metrics, end, handler));
}

async fn handle(gateway: &Gateway, message: &Message) -> Result<(), Failure> {
    let decoded = decode_event(EventType::JobCompleted, &message.payload);
    let Ok(DecodedEvent::JobCompleted(event)) = decoded else {
        return Err(Failure::Bad("it is no end of a job".to_owned()));
    };
    if event.dry_run {
        return Ok(());
    }
    let job = Job::read(&event, message)?;
    for outcome in OUTCOMES {
        write_down(gateway, message, &job, outcome).await?;
    }
    Ok(())
}

/// Reads the SIMs with this outcome and writes a row for each thousand. Results are final and have an order, so the parts
/// are the same each time.
async fn write_down(
    gateway: &Gateway,
    message: &Message,
    job: &Job,
    outcome: &'static str,
) -> Result<(), Failure> {
    let mut request = JobResultsRequest {
        scope: Some(Scope::All.into()),
        job_id: job.id.to_string(),
        outcome: outcome.to_owned(),
        cursor: String::new(),
        page_size: 1000,
    };
    let (mut sims, mut part) = (Vec::new(), 0);
    loop {
        let asked = gateway
            .bus
            .call::<sim_rpc::JobResults>(&request, READ, &job.request_id);
        let page = asked.await?;
        sims.extend(page.results.into_iter().map(|result| result.iccid));
        let is_last = page.next_cursor.is_empty();
        while sims.len() >= PART || (is_last && !sims.is_empty()) {
            let rest = sims.split_off(sims.len().min(PART));
            job.append(gateway, outcome, part, std::mem::replace(&mut sims, rest))
                .await?;
            part += 1;
        }
        if is_last {
            return Ok(());
        }
        if page.next_cursor == request.cursor {
            return Err(Failure::Bad("a cursor does not lead on".to_owned()));
        }
        request.cursor = page.next_cursor;
        if gateway.shutdown.has_started() {
            return Err(Failure::End);
        }
        // A large job takes longer than the server waits for an outcome.
        message
            .ack_with(AckKind::Progress)
            .await
            .ignored("telling that a job is at work");
    }
}

/// What the rows of a job have in common.
struct Job {
    id: Uuid,
    request_id: String,
    entry: AuditEntry,
}

impl Job {
    fn read(event: &JobCompleted, message: &Message) -> Result<Self, Failure> {
        let bad = |what: &str| Failure::Bad(format!("{what} is not one"));
        let id: Uuid = event.job_id.parse().map_err(|_| bad("the job's id"))?;
        let organization = match event.organization_id.as_str() {
            "" => None,
            text => Some(OrganizationId(
                text.parse().map_err(|_| bad("the job's organization"))?,
            )),
        };
        let (kind, actor) = event
            .created_by
            .split_once(':')
            .unwrap_or(("unknown", &event.created_by));
        let headers = message.headers.as_ref();
        let event_id = headers.and_then(|headers| headers.get(header::ID));
        let request_id = event_id.map_or_else(|| event.job_id.clone(), ToString::to_string);
        let entry = AuditEntry {
            actor: Actor {
                kind: kind.to_owned(),
                id: actor.to_owned(),
            },
            organization,
            action: format!("{}.done", event.kind),
            subject: id.to_string(),
            request_id: request_id.clone(),
            remote_addr: None,
            details: json!({ "status": event.status }),
        };
        Ok(Self {
            id,
            request_id,
            entry,
        })
    }

    /// Writes one row; the second time it is there already.
    async fn append(
        &self,
        gateway: &Gateway,
        outcome: &str,
        part: u32,
        sims: Vec<String>,
    ) -> Result<(), DbErr> {
        let id = Uuid::new_v5(&self.id, format!("{outcome}:{part}").as_bytes());
        let mut entry = self.entry.clone();
        entry.details["outcome"] = json!(outcome);
        entry.details["part"] = json!(part);
        entry.details["sims"] = json!(sims.len());
        audit::append_once(gateway.db.orm(), id, entry, sims).await
    }
}
