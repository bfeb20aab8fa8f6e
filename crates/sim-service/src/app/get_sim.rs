use chrono::TimeDelta;
use domain::{Iccid, OrganizationId, ProviderSim};
use once_client::{Lane, on_behalf_of};

use super::App;
use super::announce::Announcements;
use crate::error::{AppError, StoreError};
use crate::store::{Reading, Scope, Store, StoredSim};

impl App {
    /// One SIM from the database; with `refresh` 1NCE is asked first, unless it told of the SIM within the last seconds, or
    /// while this one waited for another who asks the same.
    ///
    /// # Errors
    /// [`AppError::UnknownSim`]; with `refresh` also 1NCE's.
    pub async fn get_sim(&self, scope: Scope, iccid: Iccid, refresh: bool) -> Result<StoredSim, AppError> {
        let stored = self.store.sim(scope, iccid).await?.ok_or(AppError::UnknownSim)?;
        if !refresh {
            return Ok(stored);
        }
        let client = self
            .client(&stored.account)
            .ok_or_else(|| unconfigured(&stored))?;
        let fresh = TimeDelta::seconds(self.sweep.refresh_within_seconds.into());
        let old = stored.last_synced_at.min(self.store.now().await? - fresh);
        let _turn = self.refreshes.turn(iccid).await;
        let stored = self.store.sim(scope, iccid).await?.ok_or(AppError::UnknownSim)?;
        if stored.last_synced_at > old {
            return Ok(stored);
        }
        let requested_at = self.store.now().await?;
        let organization = scope.filter().map(OrganizationId);
        match on_behalf_of(organization, client.get_sim(Lane::Interactive, iccid)).await? {
            Some(told) => {
                self.store_told(client.account(), requested_at, told, "1nce")
                    .await?
            }
            // A single miss is no proof that the SIM is gone; the sweep decides that.
            None => {
                return Err(AppError::Conflict(
                    "1NCE does not know this SIM at the moment".to_owned(),
                ));
            }
        }
        self.store.sim(scope, iccid).await?.ok_or(AppError::UnknownSim)
    }

    /// Stores one SIM that 1NCE told us, and announces what changed.
    pub(super) async fn store_told(
        &self,
        account: &domain::AccountSlug,
        requested_at: chrono::DateTime<chrono::Utc>,
        told: ProviderSim,
        changed_by: &str,
    ) -> Result<(), StoreError> {
        let iccid = told.iccid;
        let mut change = self.outbox.begin().await?;
        let reading = Reading {
            account,
            requested_at,
            sims: vec![told],
        };
        let changed = Store::store_reading(&mut change, reading).await?;
        let mut announcements = Announcements::new(&self.subjects);
        for stored in &changed {
            announcements.reading(stored, changed_by);
        }
        Store::touch(&mut change, iccid, requested_at).await?;
        change.events = announcements.batch;
        change.commit().await?;
        Ok(())
    }
}

/// A SIM of an account that is not configured any more can be read, but not refreshed or changed at 1NCE.
pub(super) fn unconfigured(sim: &StoredSim) -> AppError {
    AppError::Conflict(format!("the 1NCE account `{}` is not configured", sim.account))
}
