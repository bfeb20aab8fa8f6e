//! Which generation's list is the account's whole fleet. An account may have SIMs that v1 does not list, so v1's list, and
//! its silence about a SIM, count only where v2 never had one.

use once_client::{Capability, ClientError, Generation, OnceClient};

use crate::app::App;
use crate::error::StoreError;

impl App {
    /// The generation that lists every SIM of the account: the one that 1NCE offers, but v2 once a complete run has read
    /// it. A failing v2 hands its calls to v1; that must not decide which SIMs are gone.
    ///
    /// # Errors
    /// The database's.
    pub async fn list_generation(&self, client: &OnceClient) -> Result<Generation, StoreError> {
        let (offered, is_certain) = offered(client).await;
        if offered == Some(Generation::V2) || is_certain {
            return Ok(offered.unwrap_or(Generation::V2));
        }
        let last = self.store.last_list_generation(client.account().as_str()).await?;
        let had_v2 = last.as_deref() == Some(Generation::V2.word());
        Ok(match offered {
            Some(generation) if !had_v2 => generation,
            _ => Generation::V2,
        })
    }
}

/// The generation that the client calls for lists and single SIMs at the moment, and whether that is configured and not
/// found out.
async fn offered(client: &OnceClient) -> (Option<Generation>, bool) {
    let offers = client.capabilities().await;
    let generation = offers.generation(Capability::Sims);
    (generation, !offers.probed && generation == Some(Generation::V1))
}

/// Asks 1NCE only while it is this generation that answers; otherwise the call may be made again later.
///
/// # Errors
/// The call's, and [`ClientError::CapabilityUnknown`] when another generation answers, or may have answered.
pub async fn ask_of<T>(
    client: &OnceClient,
    pinned: Generation,
    call: impl Future<Output = Result<T, ClientError>> + Send,
) -> Result<T, ClientError> {
    let holds = async || {
        let (generation, _) = offered(client).await;
        if generation == Some(pinned) {
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
