//! Which generation's list is the account's whole fleet. An account may have SIMs that v1 does not list, so v1's list, and
//! its silence about a SIM, count only where v2 never had one.

use once_client::{Capability, ClientError, Generation, Lane, OnceClient};

use crate::app::App;
use crate::error::StoreError;

impl App {
    /// The generation that lists every SIM of the account: v2, unless it is gone. When it is only taken for gone, what a
    /// complete run has read before decides: v1 must not say which SIMs an account with a v2 has lost.
    ///
    /// # Errors
    /// The database's.
    pub async fn list_generation(&self, client: &OnceClient) -> Result<Generation, StoreError> {
        let Ok(v2) = client.standing(Lane::Command, Generation::V2).await else {
            return Ok(Generation::V2);
        };
        if v2.is_alive() {
            return Ok(Generation::V2);
        }
        if v2.is_gone_for_certain() {
            return Ok(Generation::V1);
        }
        let last = self.store.last_list_generation(client.account().as_str()).await?;
        let had_v2 = last.as_deref() == Some(Generation::V2.word());
        Ok(if had_v2 { Generation::V2 } else { Generation::V1 })
    }
}

/// What 1NCE tells while this generation lists the SIMs; otherwise it is asked again later.
///
/// # Errors
/// The call's, and [`ClientError::CapabilityUnknown`] when the generation does not answer, or may not have answered.
pub async fn ask_of<T>(
    client: &OnceClient,
    pinned: Generation,
    call: impl Future<Output = Result<T, ClientError>> + Send,
) -> Result<T, ClientError> {
    let holds = async || {
        if client.standing(Lane::Command, pinned).await?.is_alive() {
            return Ok(());
        }
        Err(ClientError::CapabilityUnknown {
            capability: Capability::Sims,
            why: format!("{} lists the SIMs, and does not answer now", pinned.word()),
            request_id: None,
        })
    };
    holds().await?;
    let answer = call.await?;
    holds().await?;
    Ok(answer)
}

/// The generation of a stored word.
pub fn from_word(word: &str) -> Option<Generation> {
    [Generation::V1, Generation::V2]
        .into_iter()
        .find(|generation| generation.word() == word)
}
