use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{Iccid, OrganizationId, ProviderSim, SimStatus};
use messages::pb::sim as pb;
use once_client::{ClientError, Lane, OnceClient, SimUpdate, on_behalf_of};
use serde_json::{Map, Value};

use super::App;
use super::announce::Announcements;
use super::change_request::{self, ChangeRequest};
use super::get_sim::unconfigured;
use crate::error::{AppError, StoreError};
use crate::store::{Reading, Scope, SimPatch, Store, StoredReading, StoredSim};

/// Why a caller of one organization may not move a SIM.
pub(super) const FOREIGN_ORGANIZATION: &str = "may be set by a caller of the whole platform only";
/// How long a person waits for another writer of the SIM.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);
/// Why an expired SIM stays as it is.
pub(super) const EXPIRED: &str = "the SIM is expired; only an extension is possible";

impl App {
    /// Changes one SIM, at 1NCE first; what is kept here commits together with what 1NCE then tells.
    ///
    /// # Errors
    /// [`AppError::Invalid`] names every field; [`AppError::UnknownSim`], [`AppError::Conflict`] for an expired SIM,
    /// 1NCE's. After an error of 1NCE nothing is stored here.
    pub async fn update_sim(
        &self,
        scope: Scope,
        iccid: Iccid,
        wanted: pb::SimChange,
        actor: &str,
    ) -> Result<StoredSim, AppError> {
        let mut wrong = Vec::new();
        let request = change_request::read(wanted, "", &mut wrong);
        if !wrong.is_empty() {
            return Err(AppError::Invalid(wrong));
        }
        let request = &request;
        if request.patch.organization.is_some() && scope != Scope::All {
            return Err(AppError::field("organization_id", FOREIGN_ORGANIZATION));
        }
        if !request.concerns_provider() {
            return self.update_alone(scope, iccid, request, actor).await;
        }
        let work = self.update_alone(scope, iccid, request, actor);
        let changed = self.write_alone(iccid, PATIENCE, work).await?;
        changed.ok_or_else(|| AppError::Conflict("another change of this SIM is under way".to_owned()))
    }

    /// The same, while nobody else writes the SIM at 1NCE.
    async fn update_alone(
        &self,
        scope: Scope,
        iccid: Iccid,
        request: &ChangeRequest,
        actor: &str,
    ) -> Result<StoredSim, AppError> {
        let stored = self.store.sim(scope, iccid).await?.ok_or(AppError::UnknownSim)?;
        let at_provider = if request.concerns_provider() {
            let change = self.change_at_provider(Lane::Interactive, &stored, request);
            Some(on_behalf_of(scope.filter().map(OrganizationId), change).await?)
        } else {
            None
        };
        let mut announcements = Announcements::new(&self.subjects);
        let mut change = self.outbox.begin().await.map_err(StoreError::from)?;
        let made = MadeChange {
            scope,
            stored: &stored,
            request,
            at_provider,
            actor,
        };
        made.store(&mut change, &mut announcements).await?;
        change.events = announcements.batch;
        change.commit().await.map_err(StoreError::from)?;
        self.store.sim(scope, iccid).await?.ok_or(AppError::UnknownSim)
    }

    /// Writes at 1NCE and reads back, when a person waits or the outcome is unknown. A lost answer is settled by the
    /// reading. Only under [`App::write_alone`]: what is read here goes back with the change.
    ///
    /// # Errors
    /// [`AppError::UnknownSim`], [`AppError::Conflict`] for a SIM that cannot be changed, 1NCE's.
    pub(super) async fn change_at_provider(
        &self,
        lane: Lane,
        stored: &StoredSim,
        request: &ChangeRequest,
    ) -> Result<ProviderChange, AppError> {
        let client = self.changing_client(stored)?;
        let iccid = stored.provider.iccid;
        let read_at = self.store.now().await?;
        // Leaving the lock out may reset it (FACTS §5), so the present value goes along, freshly read. A job that knows of no
        // difference asks before it writes.
        let knows_none = lane != Lane::Interactive && request.is_met_by(&stored.provider);
        let told = match request.imei_lock {
            Some(_) if !knows_none => None,
            _ => Some(client.get_sim(lane, iccid).await?.ok_or(AppError::UnknownSim)?),
        };
        if lane != Lane::Interactive
            && let Some(told) = told.as_ref().filter(|told| request.is_met_by(told))
        {
            return Ok(ProviderChange {
                requested_at: read_at,
                known: Known::Read(Box::new(told.clone())),
                before: Some(told.clone()),
                is_written: false,
            });
        }
        let update = SimUpdate {
            iccid,
            label: request.label.as_ref().map(ToString::to_string),
            imei_lock: request
                .imei_lock
                .or(told.as_ref().and_then(|told| told.imei_lock)),
            status: request.status,
        };
        let outcome = client.update_sim(lane, &update).await;
        let requested_at = self.store.now().await?;
        if lane != Lane::Interactive && outcome.is_ok() {
            let known = told.as_ref().map_or(Known::Accepted, |told| {
                Known::Read(Box::new(request.applied_to(told)))
            });
            return Ok(ProviderChange {
                requested_at,
                known,
                before: told,
                is_written: true,
            });
        }
        let now = client.get_sim(lane, iccid).await;
        settle(request, outcome, now).map(|known| ProviderChange {
            requested_at,
            known,
            before: told,
            is_written: true,
        })
    }

    /// The client that may change this SIM.
    fn changing_client(&self, stored: &StoredSim) -> Result<&OnceClient, AppError> {
        if stored.provider.status == SimStatus::Expired {
            return Err(AppError::Conflict(EXPIRED.to_owned()));
        }
        self.client(&stored.account).ok_or_else(|| unconfigured(stored))
    }
}

/// A change that 1NCE has carried out, as far as it lives there, and that is not stored yet.
pub(super) struct MadeChange<'a> {
    pub scope: Scope,
    /// The SIM before.
    pub stored: &'a StoredSim,
    pub request: &'a ChangeRequest,
    /// `None` when nothing of it lives at 1NCE.
    pub at_provider: Option<ProviderChange>,
    /// Who asked.
    pub actor: &'a str,
}

impl MadeChange<'_> {
    /// What it changed: compared with what 1NCE told before it was written, or with what is stored.
    pub fn diff(&self) -> Map<String, Value> {
        let written = self.at_provider.as_ref().filter(|change| change.is_written);
        match written.and_then(|change| change.before.as_ref()) {
            None => self.request.diff(self.stored),
            Some(before) => self.request.diff(&StoredSim {
                provider: before.clone(),
                ..self.stored.clone()
            }),
        }
    }

    /// Whether 1NCE was asked, and neither there nor here anything had to change.
    pub fn is_unchanged(&self) -> bool {
        let written = self.at_provider.as_ref().is_some_and(|change| change.is_written);
        !written && self.diff().is_empty()
    }

    /// Stores what 1NCE carried out and what is kept here, and announces both, in the caller's transaction.
    ///
    /// # Errors
    /// [`AppError::UnknownSim`], the database's.
    pub async fn store(
        self,
        transaction: &mut sqlx::PgConnection,
        announcements: &mut Announcements<'_>,
    ) -> Result<(), AppError> {
        let iccid = self.stored.provider.iccid;
        if let Some(ProviderChange {
            requested_at, known, ..
        }) = self.at_provider
        {
            let sim = match known {
                Known::Read(sim) => *sim,
                // Applied to what is stored now, which may be newer than what this request began with.
                Known::Accepted => {
                    let now = Store::lock_sim(transaction, iccid)
                        .await?
                        .ok_or(AppError::UnknownSim)?;
                    self.request.applied_to(&now.provider)
                }
            };
            let reading = Reading {
                account: &self.stored.account,
                requested_at,
                sims: vec![sim],
            };
            for changed in Store::store_reading(transaction, reading).await? {
                announcements.reading(&changed, self.actor);
            }
            Store::touch(transaction, iccid, requested_at).await?;
        }
        let wanted = [(iccid, &self.request.patch)];
        for changed in patch_sims(transaction, self.scope, &wanted).await? {
            announcements.patched(&changed, self.actor);
        }
        Ok(())
    }
}

/// Writes tags, metadata and tenants where they differ from what is stored and in scope; returns the SIMs that changed.
///
/// # Errors
/// The database's.
pub(super) async fn patch_sims(
    transaction: &mut sqlx::PgConnection,
    scope: Scope,
    wanted: &[(Iccid, &SimPatch)],
) -> Result<Vec<StoredReading>, StoreError> {
    let iccids: Vec<i64> = wanted.iter().map(|(iccid, _)| iccid.as_i64()).collect();
    let wanted: BTreeMap<Iccid, &SimPatch> = wanted.iter().copied().collect();
    let mut olds = BTreeMap::new();
    let mut patches = Vec::new();
    for old in Store::lock_sims(transaction, &iccids).await? {
        let iccid = old.provider.iccid;
        let patch = wanted.get(&iccid).filter(|_| scope.holds(old.organization));
        let patch = patch.and_then(|patch| patch.against(&old));
        if let Some(patch) = patch {
            patches.push((iccid, patch));
            olds.insert(iccid, old);
        }
    }
    if patches.is_empty() {
        return Ok(Vec::new());
    }
    Store::write_patches(transaction, &patches).await?;
    let changed: Vec<i64> = olds.keys().map(|iccid| iccid.as_i64()).collect();
    let news = Store::lock_sims(transaction, &changed).await?;
    Ok(news
        .into_iter()
        .map(|new| StoredReading {
            old: olds.remove(&new.provider.iccid),
            new,
        })
        .collect())
}

/// A change that 1NCE has carried out.
#[derive(Debug, PartialEq)]
pub(super) struct ProviderChange {
    /// When the last question began, by the database's clock.
    pub requested_at: DateTime<Utc>,
    pub known: Known,
    /// What 1NCE told before it was written, where it was asked.
    pub before: Option<ProviderSim>,
    /// `false` when 1NCE had everything already.
    pub is_written: bool,
}

/// What is known of a SIM after a change at 1NCE.
#[derive(Debug, PartialEq)]
pub(super) enum Known {
    /// 1NCE accepted it and told the SIM as it is.
    Read(Box<ProviderSim>),
    /// 1NCE accepted it; what it told afterwards is old, or nothing. The sweep corrects it if need be.
    Accepted,
}

/// Decides what 1NCE holds now, from the outcome of the write and the reading after it.
fn settle(
    request: &ChangeRequest,
    outcome: Result<(), ClientError>,
    told: Result<Option<ProviderSim>, ClientError>,
) -> Result<Known, AppError> {
    match (outcome, told) {
        (_, Ok(Some(told))) if request.is_met_by(&told) => Ok(Known::Read(Box::new(told))),
        (Ok(()), _) => Ok(Known::Accepted),
        (Err(error), _) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sim(label: &str) -> ProviderSim {
        let mut sim = ProviderSim::bare(Iccid::parse("8988999000000000017").unwrap(), "Enabled");
        sim.label = Some(label.to_owned());
        sim
    }

    fn wanted(label: &str) -> ChangeRequest {
        ChangeRequest {
            label: Some(domain::Label::parse(label).unwrap()),
            ..ChangeRequest::default()
        }
    }

    fn lost() -> ClientError {
        ClientError::Transport {
            message: "cut".to_owned(),
            may_be_sent: true,
            request_id: None,
        }
    }

    #[test]
    fn a_lost_answer_is_a_success_when_the_reading_shows_the_change() {
        let change = settle(&wanted("new"), Err(lost()), Ok(Some(sim("new")))).unwrap();
        assert_eq!(change, Known::Read(Box::new(sim("new"))));
    }

    #[test]
    fn a_lost_answer_is_an_error_when_the_reading_shows_the_old_value() {
        assert!(settle(&wanted("new"), Err(lost()), Ok(Some(sim("old")))).is_err());
    }

    #[test]
    fn what_was_accepted_counts_although_the_reading_failed() {
        assert_eq!(
            settle(&wanted("new"), Ok(()), Err(lost())).unwrap(),
            Known::Accepted
        );
        assert_eq!(
            wanted("new").applied_to(&sim("old")).label.as_deref(),
            Some("new")
        );
    }

    #[test]
    fn an_emptied_label_is_met_by_an_absent_one() {
        let mut told = sim("");
        told.label = None;
        assert!(wanted("").is_met_by(&told));
    }
}
