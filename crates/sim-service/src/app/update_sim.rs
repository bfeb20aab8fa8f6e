use chrono::{DateTime, Utc};
use domain::{Iccid, ProviderSim, SimStatus};
use once_client::{ClientError, Lane, OnceClient, SimUpdate};

use super::App;
use super::announce::Announcements;
use super::get_sim::unconfigured;
use crate::error::{AppError, StoreError};
use crate::store::{Reading, Scope, SimPatch, Store, StoredReading, StoredSim};

/// What a person wants changed. `None` leaves it as it is.
#[derive(Debug, Clone, Default)]
pub struct SimUpdateRequest {
    /// At 1NCE.
    pub label: Option<String>,
    /// At 1NCE.
    pub imei_lock: Option<bool>,
    /// At 1NCE: `Enabled` or `Disabled`.
    pub status: Option<SimStatus>,
    /// Here.
    pub patch: SimPatch,
}

impl SimUpdateRequest {
    fn concerns_provider(&self) -> bool {
        self.label.is_some() || self.imei_lock.is_some() || self.status.is_some()
    }

    fn is_met_by(&self, told: &ProviderSim) -> bool {
        let label_is = |wanted: &String| told.label.as_deref().unwrap_or_default() == wanted;
        self.label.as_ref().is_none_or(label_is)
            && self
                .imei_lock
                .is_none_or(|lock| told.imei_lock.unwrap_or(false) == lock)
            && self.status.is_none_or(|status| told.status == status)
    }

    /// The SIM as it is once 1NCE has carried the request out.
    fn applied_to(&self, sim: &ProviderSim) -> ProviderSim {
        let mut wanted = sim.clone();
        if let Some(label) = &self.label {
            wanted.label = Some(label.clone()).filter(|label| !label.is_empty());
        }
        wanted.imei_lock = self.imei_lock.or(wanted.imei_lock);
        if let Some(status) = self.status {
            wanted.status = status;
            status.word().clone_into(&mut wanted.provider_status);
        }
        wanted
    }
}

impl App {
    /// Changes one SIM, at 1NCE first; what is kept here commits together with what 1NCE then tells.
    ///
    /// # Errors
    /// [`AppError::UnknownSim`], [`AppError::Conflict`] for an expired SIM, 1NCE's. After an error of 1NCE nothing is
    /// stored here.
    pub async fn update_sim(
        &self,
        scope: Scope,
        iccid: Iccid,
        request: &SimUpdateRequest,
        actor: &str,
    ) -> Result<StoredSim, AppError> {
        let stored = self.store.sim(scope, iccid).await?.ok_or(AppError::UnknownSim)?;
        let change = if request.concerns_provider() {
            if stored.provider.status == SimStatus::Expired {
                return Err(AppError::Conflict(
                    "the SIM is expired; only an extension is possible".to_owned(),
                ));
            }
            let client = self
                .client(&stored.account)
                .ok_or_else(|| unconfigured(&stored))?;
            Some(self.change_at_provider(client, &stored, request).await?)
        } else {
            None
        };
        self.store_update(&stored, change, request, actor).await?;
        self.store.sim(scope, iccid).await?.ok_or(AppError::UnknownSim)
    }

    /// Writes at 1NCE and reads back. A lost answer is settled by the reading.
    async fn change_at_provider(
        &self,
        client: &OnceClient,
        stored: &StoredSim,
        request: &SimUpdateRequest,
    ) -> Result<(DateTime<Utc>, Change), AppError> {
        let iccid = stored.provider.iccid;
        // Leaving the lock out may reset it (FACTS §5), so the present value goes along, freshly read.
        let imei_lock = match request.imei_lock {
            Some(lock) => Some(lock),
            None => {
                let told = client.get_sim(Lane::Interactive, iccid).await?;
                told.ok_or(AppError::UnknownSim)?.imei_lock
            }
        };
        let update = SimUpdate {
            iccid,
            label: request.label.clone(),
            imei_lock,
            status: request.status,
        };
        let outcome = client.update_sim(Lane::Interactive, &update).await;
        let requested_at = self.store.now().await?;
        let told = client.get_sim(Lane::Interactive, iccid).await;
        settle(request, outcome, told).map(|change| (requested_at, change))
    }

    async fn store_update(
        &self,
        stored: &StoredSim,
        change: Option<(DateTime<Utc>, Change)>,
        request: &SimUpdateRequest,
        actor: &str,
    ) -> Result<(), AppError> {
        let (iccid, patch) = (stored.provider.iccid, &request.patch);
        let mut announcements = Announcements::new(&self.subjects);
        let mut transaction = self.store.db().pool().begin().await.map_err(StoreError::from)?;
        if let Some((requested_at, change)) = change {
            let sim = match change {
                Change::Read(sim) => *sim,
                // Applied to what is stored now, which may be newer than what this request began with.
                Change::Accepted => {
                    let now = Store::lock_sim(&mut transaction, iccid)
                        .await?
                        .ok_or(AppError::UnknownSim)?;
                    request.applied_to(&now.provider)
                }
            };
            let reading = Reading {
                account: &stored.account,
                requested_at,
                sims: vec![sim],
            };
            for changed in Store::store_reading(&mut transaction, reading).await? {
                announcements.reading(&changed, actor);
            }
            Store::touch(&mut transaction, iccid, requested_at).await?;
        }
        if let Some(changed) = patch_sim(&mut transaction, iccid, patch).await? {
            let old = changed.old.as_ref();
            let mut fields = Vec::new();
            if old.is_some_and(|old| old.tags != changed.new.tags) {
                fields.push("tags".to_owned());
            }
            if old.is_some_and(|old| old.metadata != changed.new.metadata) {
                fields.push("metadata".to_owned());
            }
            announcements.config(&changed.new, fields, actor);
        }
        announcements
            .batch
            .write(&mut transaction)
            .await
            .map_err(StoreError::from)?;
        transaction.commit().await.map_err(StoreError::from)?;
        self.outbox.poke();
        Ok(())
    }
}

/// Writes tags and metadata where they differ from what is stored.
async fn patch_sim(
    transaction: &mut sqlx::PgConnection,
    iccid: Iccid,
    patch: &SimPatch,
) -> Result<Option<StoredReading>, StoreError> {
    let Some(old) = Store::lock_sim(transaction, iccid).await? else {
        return Ok(None);
    };
    let wanted = SimPatch {
        tags: patch.tags.clone().filter(|tags| *tags != old.tags),
        metadata: patch
            .metadata
            .clone()
            .filter(|metadata| *metadata != old.metadata),
    };
    if wanted == SimPatch::default() {
        return Ok(None);
    }
    Store::write_patch(transaction, iccid, &wanted).await?;
    Store::raise_revision(transaction, iccid).await?;
    let new = Store::lock_sim(transaction, iccid).await?;
    Ok(new.map(|new| StoredReading { old: Some(old), new }))
}

/// What is known after a change at 1NCE.
#[derive(Debug, PartialEq)]
enum Change {
    /// 1NCE accepted it and told the SIM as it is.
    Read(Box<ProviderSim>),
    /// 1NCE accepted it; what it told afterwards is old, or nothing. The sweep corrects it if need be.
    Accepted,
}

/// Decides what 1NCE holds now, from the outcome of the write and the reading after it.
fn settle(
    request: &SimUpdateRequest,
    outcome: Result<(), ClientError>,
    told: Result<Option<ProviderSim>, ClientError>,
) -> Result<Change, AppError> {
    match (outcome, told) {
        (_, Ok(Some(told))) if request.is_met_by(&told) => Ok(Change::Read(Box::new(told))),
        (Ok(()), _) => Ok(Change::Accepted),
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

    fn wanted(label: &str) -> SimUpdateRequest {
        SimUpdateRequest {
            label: Some(label.to_owned()),
            ..SimUpdateRequest::default()
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
        assert_eq!(change, Change::Read(Box::new(sim("new"))));
    }

    #[test]
    fn a_lost_answer_is_an_error_when_the_reading_shows_the_old_value() {
        assert!(settle(&wanted("new"), Err(lost()), Ok(Some(sim("old")))).is_err());
    }

    #[test]
    fn what_was_accepted_counts_although_the_reading_failed() {
        assert_eq!(
            settle(&wanted("new"), Ok(()), Err(lost())).unwrap(),
            Change::Accepted
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
