//! SIMs that another service met and that are not known here.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::Iccid;
use once_client::{ClientError, Lane, OnceClient};

use super::App;
use crate::error::AppError;
use crate::store::Member;

/// More are found sooner by a sweep, which reads 100 SIMs with one call.
const ONE_BY_ONE: usize = 20;
/// Who asked for a sweep that looks for SIMs.
const ACTOR: &str = "system:discovery";

/// What is known of the wanted SIMs, and how many are looked for.
#[derive(Debug)]
pub struct Discovery {
    /// Known already.
    pub known: Vec<Member>,
    /// Looked for at 1NCE now.
    pub looked_for: usize,
}

/// The SIMs that this process reads one by one at the moment.
#[derive(Debug, Clone, Default)]
pub struct Wanted(Arc<Mutex<HashSet<Iccid>>>);

/// SIMs that nobody else looks for until this is dropped.
struct Search {
    wanted: Wanted,
    iccids: Vec<Iccid>,
}

impl Wanted {
    fn lock(&self) -> MutexGuard<'_, HashSet<Iccid>> {
        // A set of numbers is whole after every step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes those that nobody looks for.
    fn take(&self, mut iccids: Vec<Iccid>) -> Search {
        let mut wanted = self.lock();
        iccids.retain(|iccid| wanted.insert(*iccid));
        drop(wanted);
        Search {
            wanted: self.clone(),
            iccids,
        }
    }
}

impl Drop for Search {
    fn drop(&mut self) {
        let mut wanted = self.wanted.lock();
        for iccid in &self.iccids {
            wanted.remove(iccid);
        }
    }
}

impl App {
    /// Answers the SIMs that are known, and begins to look for the others at 1NCE: a few are read one by one, for more a
    /// sweep is queued. What is found is announced as a discovered SIM. `iccids` are distinct.
    ///
    /// # Errors
    /// The database's.
    pub async fn discover(&self, iccids: Vec<Iccid>) -> Result<Discovery, AppError> {
        let known = self.store.members(&iccids).await?;
        let found: HashSet<i64> = known.iter().map(|member| member.iccid).collect();
        let unknown = iccids
            .into_iter()
            .filter(|iccid| !found.contains(&iccid.as_i64()));
        let unknown: Vec<Iccid> = unknown.collect();
        let looked_for = unknown.len();
        if looked_for > ONE_BY_ONE {
            self.start_sync("", false, ACTOR).await?;
        } else {
            let search = self.wanted.take(unknown);
            if !search.iccids.is_empty() {
                let (app, end) = (self.clone(), self.shutdown.clone());
                self.shutdown.spawn(async move {
                    // What is not found before the end is asked for again.
                    end.or(app.look_for(&search)).await;
                });
            }
        }
        Ok(Discovery { known, looked_for })
    }

    async fn look_for(&self, search: &Search) {
        for iccid in &search.iccids {
            for client in self.clients.iter() {
                match self.find(client, *iccid).await {
                    Ok(true) => break,
                    Ok(false) => {}
                    Err(error) => tracing::warn!(%error, %iccid, "a SIM was not looked for"),
                }
            }
        }
    }

    /// Reads a SIM of an account and stores it; `false` when the account does not have it.
    async fn find(&self, client: &OnceClient, iccid: Iccid) -> Result<bool, AppError> {
        let requested_at = self.store.now().await?;
        let told = match client.get_sim(Lane::Background, iccid).await {
            // A SIM of somebody else.
            Err(ClientError::Rejected { status: 403, .. }) | Ok(None) => return Ok(false),
            told => told?,
        };
        let Some(told) = told else { return Ok(false) };
        self.store_told(client.account(), requested_at, told, "1nce")
            .await?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sim_is_looked_for_once_at_a_time() {
        let iccid = |number: i64| Iccid::from_i64(8_988_280_666_000_000_000 + number).unwrap();
        let wanted = Wanted::default();

        let first = wanted.take(vec![iccid(1), iccid(2)]);
        assert_eq!(wanted.take(vec![iccid(2), iccid(3)]).iccids, [iccid(3)]);

        drop(first);
        assert_eq!(wanted.take(vec![iccid(2)]).iccids, [iccid(2)]);
    }
}
