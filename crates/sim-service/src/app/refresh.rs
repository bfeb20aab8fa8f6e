//! Readings of one SIM that people ask for: 1NCE is asked once for all who wait.

use std::sync::Arc;
use std::time::Duration;

use domain::Iccid;
use moka::sync::Cache;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// SIMs that are remembered; a forgotten one is only asked for once more.
const SIMS: u64 = 10_000;
/// Longer than any reading takes.
const FORGET: Duration = Duration::from_secs(60);

/// Who reads which SIM.
#[derive(Clone)]
pub struct Refreshes(Cache<Iccid, Arc<Mutex<()>>>);

impl Default for Refreshes {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(SIMS).time_to_idle(FORGET).build())
    }
}

impl Refreshes {
    /// Waits until nobody else reads the SIM in this process.
    pub async fn turn(&self, iccid: Iccid) -> OwnedMutexGuard<()> {
        self.0.get_with(iccid, Arc::default).lock_owned().await
    }
}
