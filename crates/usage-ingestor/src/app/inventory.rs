//! Keeps the copy of sim-service's inventory.

use std::time::Duration;

use domain::Iccid;
use messages::pb::sim::{Member, MembersRequest};
use messages::sim_rpc;
use service_runtime::bus::RpcError;

use super::App;
use crate::error::StoreError;
use crate::store::Word;

/// Members of one page, which is one transaction.
const PAGE: u32 = 2_000;
/// How long a page may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The inventory cannot be read to its end; what was read is kept.
#[derive(Debug, thiserror::Error)]
pub enum InventoryError {
    /// sim-service does not answer.
    #[error("sim-service: {0}")]
    Sims(#[from] RpcError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What sim-service told has no meaning.
    #[error("sim-service told {0}")]
    Unreadable(String),
}

impl App {
    /// Takes over what was told of SIMs, in any order.
    ///
    /// # Errors
    /// The database's; then telling it again completes it.
    pub async fn learn(&self, words: Vec<Word>) -> Result<(), StoreError> {
        for words in rounds(words) {
            let moved = self.store.learn(&words).await?;
            if moved > 0 {
                tracing::info!(sims = moved, "SIMs that sent records have become known");
            }
        }
        Ok(())
    }

    /// Reads the whole inventory; answers how many SIMs it has.
    ///
    /// # Errors
    /// Of the page that failed; the pages before stay stored.
    pub async fn read_inventory(&self) -> Result<u64, InventoryError> {
        let (mut read, mut after_iccid) = (0, String::new());
        loop {
            let request = MembersRequest {
                after_iccid,
                limit: PAGE,
            };
            let page = self
                .bus
                .call::<sim_rpc::Members>(&request, PATIENCE, "inventory")
                .await?;
            let last = page.members.last().map(|member| member.iccid.clone());
            let words: Result<Vec<Word>, String> = page.members.into_iter().map(word).collect();
            let words = words.map_err(InventoryError::Unreadable)?;
            read += words.len() as u64;
            self.learn(words).await?;
            match last {
                // Only forward, whatever is answered.
                Some(last) if page.has_next && last > request.after_iccid => after_iccid = last,
                _ => return Ok(read),
            }
        }
    }
}

/// A member as a word that tells everything.
///
/// # Errors
/// What of it has no meaning.
pub fn word(member: Member) -> Result<Word, String> {
    let mut word = bare(
        &member.iccid,
        member.account,
        &member.organization_id,
        member.revision,
    )?;
    word.tags = Some(member.tags);
    word.missing = Some(member.missing);
    Ok(word)
}

/// A word that tells neither tags nor whether the SIM is missing.
///
/// # Errors
/// What of it has no meaning.
pub fn bare(iccid: &str, account: String, organization: &str, revision: i64) -> Result<Word, String> {
    let number = Iccid::parse(iccid).map_err(|error| format!("the ICCID {iccid:?}: {error}"))?;
    let organization_id = organization
        .parse()
        .map_err(|_| format!("the organization {organization:?} of {iccid}"))?;
    Ok(Word {
        iccid: number.as_i64(),
        account,
        organization_id,
        revision,
        tags: None,
        missing: None,
    })
}

/// The words in order, each SIM once per round and its older words first.
fn rounds(mut words: Vec<Word>) -> Vec<Vec<Word>> {
    words.sort_by_key(|word| (word.iccid, word.revision));
    let (mut rounds, mut round, mut before) = (Vec::<Vec<Word>>::new(), 0, None);
    for word in words {
        round = if before == Some(word.iccid) { round + 1 } else { 0 };
        before = Some(word.iccid);
        match rounds.get_mut(round) {
            Some(words) => words.push(word),
            None => rounds.push(vec![word]),
        }
    }
    rounds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_round_has_a_sim_once_and_older_words_come_first() {
        let organization = "00000000-0000-0000-0000-000000000001";
        let told = |sim: u32, revision| {
            bare(
                &format!("898828066600000000{sim}"),
                "main".into(),
                organization,
                revision,
            )
            .unwrap()
        };
        let words = vec![told(2, 4), told(1, 7), told(2, 3), told(3, 1), told(2, 4)];

        assert_eq!(
            rounds(words),
            [
                vec![told(1, 7), told(2, 3), told(3, 1)],
                vec![told(2, 4)],
                vec![told(2, 4)]
            ]
        );
    }
}
