//! Turns what changed into events.

use chrono::{DateTime, Utc};
use domain::{SimChange, sim_changes};
use messages::pb::sim as pb;
use messages::{EventEnvelope, EventType, Subjects};
use prost::Message;
use service_runtime::outbox::OutboxBatch;
use uuid::Uuid;

use crate::store::{Job, StoredReading, StoredSim, SyncRun};
use crate::wire::sims as wire;

/// The events of a transaction, in order.
pub struct Announcements<'a> {
    subjects: &'a Subjects,
    at: DateTime<Utc>,
    /// Written at the end of the transaction.
    pub batch: OutboxBatch,
}

impl<'a> Announcements<'a> {
    /// None yet.
    pub fn new(subjects: &'a Subjects) -> Self {
        Self {
            subjects,
            at: Utc::now(),
            batch: OutboxBatch::default(),
        }
    }

    /// What a reading changed; `changed_by` is `1nce` or who asked for it here. What is worth no event, such as a quota
    /// that is used up, is told to caches alone: a sweep of a million SIMs must not flood who reads events.
    pub fn reading(&mut self, reading: &StoredReading, changed_by: &str) {
        let new = &reading.new;
        let told = self.batch.len();
        let returned = reading
            .old
            .as_ref()
            .is_some_and(|old| old.missing_since.is_some());
        match &reading.old {
            Some(old) if !returned => {
                for change in sim_changes(&old.provider, &new.provider) {
                    self.change(new, &change, changed_by);
                }
            }
            _ => {
                let payload = pb::SimDiscovered {
                    sim: Some(wire::sim(new.clone())),
                    returned,
                };
                self.push(EventType::SimDiscovered, new, &payload);
            }
        }
        if self.batch.len() == told {
            self.revised(new);
        }
    }

    fn revised(&mut self, sim: &StoredSim) {
        let revision = pb::SimRevision {
            iccid: sim.provider.iccid.as_i64().unsigned_abs(),
            revision: sim.revision,
        };
        let part = pb::SimRevisions { sims: vec![revision] };
        self.batch.hint(&self.subjects.sim_revisions(), &part);
    }

    fn change(&mut self, sim: &StoredSim, change: &SimChange, changed_by: &str) {
        let iccid = sim.provider.iccid.to_string();
        let (account, organization_id) = (sim.account.to_string(), sim.organization.to_string());
        let revision = sim.revision;
        match change {
            SimChange::Status { from, to } => {
                let (old_status, new_status) = (from.word().to_owned(), to.word().to_owned());
                let payload = pb::SimStatusChanged {
                    iccid,
                    account,
                    organization_id,
                    revision,
                    old_status,
                    new_status,
                };
                self.push(EventType::SimStatusChanged, sim, &payload);
            }
            SimChange::Config { fields } => {
                let fields = fields.iter().map(|field| (*field).to_owned()).collect();
                self.config(sim, fields, changed_by);
            }
            SimChange::Imei { from, to } => {
                let old_imei = from.as_ref().map(ToString::to_string).unwrap_or_default();
                let new_imei = to.to_string();
                let payload = pb::SimImeiChanged {
                    iccid,
                    account,
                    organization_id,
                    revision,
                    old_imei,
                    new_imei,
                };
                self.push(EventType::SimImeiChanged, sim, &payload);
            }
        }
    }

    /// Label, IMEI lock, tags or metadata are others.
    pub fn config(&mut self, sim: &StoredSim, changed_fields: Vec<String>, changed_by: &str) {
        let payload = pb::SimConfigUpdated {
            iccid: sim.provider.iccid.to_string(),
            account: sim.account.to_string(),
            organization_id: sim.organization.to_string(),
            revision: sim.revision,
            changed_fields,
            label: sim.provider.label.clone(),
            imei_lock: sim.provider.imei_lock,
            changed_by: changed_by.to_owned(),
            tags: sim.tags.clone(),
        };
        self.push(EventType::SimConfigUpdated, sim, &payload);
    }

    /// Tags, metadata or tenant are others.
    pub fn patched(&mut self, changed: &StoredReading, changed_by: &str) {
        let Some(old) = &changed.old else { return };
        let new = &changed.new;
        let fields = [
            ("tags", old.tags != new.tags),
            ("metadata", old.metadata != new.metadata),
            ("organization_id", old.organization != new.organization),
        ];
        let fields = fields.iter().filter(|(_, differs)| *differs);
        let fields = fields.map(|(name, _)| (*name).to_owned()).collect();
        self.config(new, fields, changed_by);
    }

    /// 1NCE lists the SIM no more.
    pub fn missing(&mut self, sim: &StoredSim) {
        let payload = pb::SimMissing {
            iccid: sim.provider.iccid.to_string(),
            account: sim.account.to_string(),
            organization_id: sim.organization.to_string(),
            revision: sim.revision,
            last_seen_at: Some(sim.last_synced_at.into()),
        };
        self.push(EventType::SimMissing, sim, &payload);
    }

    /// A run has ended.
    pub fn run_ended(&mut self, run: &SyncRun) {
        let started_at = run.started_at.map(Into::into);
        let finished_at = run.finished_at.map(Into::into);
        let (event, payload) = match &run.error {
            Some(error) => {
                let (run_id, account, error) = (run.id.to_string(), run.account.clone(), error.clone());
                let failed = pb::SyncFailed {
                    run_id,
                    account,
                    error,
                    started_at,
                    failed_at: finished_at,
                };
                (EventType::SyncFailed, failed.encode_to_vec())
            }
            None => {
                let completed = pb::SyncCompleted {
                    run_id: run.id.to_string(),
                    account: run.account.clone(),
                    sims_seen: wire::count(run.sims_seen),
                    sims_discovered: wire::count(run.sims_discovered),
                    sims_changed: wire::count(run.sims_changed),
                    sims_missing: wire::count(run.sims_missing),
                    records_rejected: wire::count(run.records_rejected),
                    started_at,
                    finished_at,
                };
                (EventType::SyncCompleted, completed.encode_to_vec())
            }
        };
        self.batch
            .push(self.subjects, &self.envelope(event, None), payload);
    }

    /// A job is over.
    pub fn job_ended(&mut self, job: &Job) {
        let payload = pb::JobCompleted {
            job_id: job.id.to_string(),
            kind: job.kind.to_string(),
            status: job.status.to_string(),
            dry_run: job.dry_run,
            total: wire::count(job.total.unwrap_or(0)),
            done: wire::count(job.done),
            failed: wire::count(job.failed),
            unchanged: wire::count(job.unchanged),
            uncertain: wire::count(job.uncertain),
            created_by: job.created_by.clone(),
            organization_id: job.organization_id.map(|id| id.to_string()).unwrap_or_default(),
            created_at: Some(job.created_at.into()),
            finished_at: job.finished_at.map(Into::into),
        };
        let envelope = EventEnvelope {
            organization: job.organization_id.map(domain::OrganizationId),
            ..self.envelope(EventType::JobCompleted, None)
        };
        self.batch.push(self.subjects, &envelope, payload.encode_to_vec());
    }

    fn push(&mut self, event: EventType, sim: &StoredSim, payload: &impl Message) {
        let envelope = self.envelope(event, Some(sim));
        self.batch.push(self.subjects, &envelope, payload.encode_to_vec());
    }

    fn envelope(&self, event: EventType, sim: Option<&StoredSim>) -> EventEnvelope {
        EventEnvelope {
            id: Uuid::now_v7(),
            event,
            source: "sim-service",
            time: self.at,
            iccid: sim.map(|sim| sim.provider.iccid),
            organization: sim.map(|sim| sim.organization),
        }
    }
}
