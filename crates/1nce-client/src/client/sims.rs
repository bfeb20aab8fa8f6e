//! List, read and change SIMs (FACTS §4, §5).

use std::time::Duration;

use domain::{Iccid, ProviderSim, SimStatus};
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::OnceClient;
use super::call::{Call, Endpoint, Group};
use super::through::Making;
use crate::capability::{Capability, Generation};
use crate::error::{ClientError, Teller};
use crate::http::Answer;
use crate::lane::Lane;
use crate::model::{BulkOutcome, ConnectivityInfo, SimConnectivity, SimPage, SimQuery, SimUpdate, Transfer};
use crate::retry::RetryClass;
use crate::wire::{array, read_connectivity, read_connectivity_info, read_list, read_sim};

pub(super) static LIST: Endpoint = Endpoint::sims_get("GET /sims");
pub(super) static GET: Endpoint = Endpoint::sims_get("GET /sims/{iccid}");
static UPDATE: Endpoint = Endpoint::new(
    "PUT /sims/{iccid}",
    Method::PUT,
    Group::Sims,
    RetryClass::Repeatable,
);
static BULK: Endpoint = Endpoint::sims_action("POST /sims");
static STATUS: Endpoint = Endpoint::sims_get("GET /sims/{iccid}/status");
static RESET: Endpoint = Endpoint::new(
    "POST /sims/{iccid}/reset",
    Method::POST,
    Group::Sims,
    RetryClass::OnceMore,
);
static TRANSFER: Endpoint = Endpoint::sims_action("POST /sims/simTransfer");
/// It waits on a visited network, so it is asked once (FACTS §6).
static INFO: Endpoint = Endpoint::new(
    "GET /sims/{iccid}/connectivity_info",
    Method::GET,
    Group::Sims,
    RetryClass::Single,
);

/// The longest label that is sent; 1NCE's own limit is unconfirmed (FACTS §19).
const LONGEST_LABEL: usize = 255;
/// The largest bulk that is sent; 1NCE's own limit is unconfirmed (FACTS §19).
pub(super) const LARGEST_BULK: usize = 100;

/// `None` for a card that 1NCE does not know, whichever way it says so.
pub(super) fn known<T>(result: Result<Option<T>, ClientError>) -> Result<Option<T>, ClientError> {
    match result {
        Err(ClientError::NotFound { .. }) => Ok(None),
        other => other,
    }
}

pub(super) fn checked_bulk(count: usize) -> Result<(), ClientError> {
    if (1..=LARGEST_BULK).contains(&count) {
        return Ok(());
    }
    Err(ClientError::Invalid(format!(
        "one bulk call takes 1 to {LARGEST_BULK} SIMs, not {count}"
    )))
}

/// The JSON of an update: only what changes, and the card's number.
fn update_body(update: &SimUpdate) -> Result<Value, ClientError> {
    let mut body = Map::new();
    body.insert("iccid".into(), json!(update.iccid));
    if let Some(label) = &update.label {
        if label.chars().count() > LONGEST_LABEL {
            return Err(ClientError::Invalid(format!(
                "a label has at most {LONGEST_LABEL} characters"
            )));
        }
        body.insert("label".into(), json!(label));
    }
    if let Some(lock) = update.imei_lock {
        body.insert("imei_lock".into(), json!(lock));
    }
    match update.status {
        None => {}
        Some(status @ (SimStatus::Enabled | SimStatus::Disabled)) => {
            body.insert("status".into(), json!(status.word()));
        }
        Some(other) => {
            let word = other.word();
            return Err(ClientError::Invalid(format!(
                "a SIM cannot be set to status {word}"
            )));
        }
    }
    Ok(Value::Object(body))
}

/// The status that an update sends back unchanged.
fn kept_status(sim: &ProviderSim) -> Result<SimStatus, ClientError> {
    match sim.status {
        status @ (SimStatus::Enabled | SimStatus::Disabled) => Ok(status),
        SimStatus::Expired => Err(ClientError::Expired { request_id: None }),
        SimStatus::Unknown => Err(ClientError::Invalid(format!(
            "the SIM has status {:?}, which cannot be sent back: give one",
            sim.provider_status
        ))),
    }
}

fn transfer_body(transfer: &Transfer) -> Result<Value, ClientError> {
    if transfer.iccids.is_empty() && transfer.ranges.is_empty() {
        return Err(ClientError::Invalid("a transfer names at least one SIM".into()));
    }
    let mut body = Map::new();
    if let Some(target) = transfer.target_organisation {
        body.insert("target_organisation".into(), json!(target));
    }
    let ranges = transfer.ranges.iter();
    let ranges: Vec<Value> = ranges
        .map(|(from, to)| json!({ "from": from, "to": to }))
        .collect();
    body.insert("iccids".into(), json!(transfer.iccids));
    body.insert("iccid_ranges".into(), Value::Array(ranges));
    Ok(Value::Object(body))
}

fn checked_page(page: u32, page_size: u32) -> Result<(), ClientError> {
    if page > 0 && (1..=100).contains(&page_size) {
        return Ok(());
    }
    Err(ClientError::Invalid(
        "pages count from 1 and hold 1 to 100 SIMs".into(),
    ))
}

fn list_call(lane: Lane, query: &SimQuery, page: u32, page_size: u32) -> Call {
    let mut call = Call::new(&LIST, lane, "/sims")
        .query("page", page)
        .query("pageSize", page_size);
    call.query.extend(query.parameters());
    call
}

fn read_page(
    generation: Generation,
    answer: &Answer,
    page: u32,
    page_size: u32,
) -> Result<SimPage, ClientError> {
    // An empty body is no empty fleet: a sweep would take every SIM for missing.
    let records = array(&answer.body).map_err(|reason| answer.unreadable(&LIST, reason))?;
    let (sims, rejects) = read_list(records, read_sim);
    Ok(SimPage {
        generation,
        sims,
        rejects,
        total: answer.total,
        total_pages: answer.total_pages,
        page,
        page_size,
    })
}

impl OnceClient {
    /// One page of the SIM list, from page 1, at most 100 SIMs. A record that is no SIM is returned as a reject.
    pub async fn list_sims(&self, lane: Lane, page: u32, page_size: u32) -> Result<SimPage, ClientError> {
        self.find_sims(lane, &SimQuery::default(), page, page_size).await
    }

    /// The same of some SIMs, or in another order.
    pub async fn find_sims(
        &self,
        lane: Lane,
        query: &SimQuery,
        page: u32,
        page_size: u32,
    ) -> Result<SimPage, ClientError> {
        checked_page(page, page_size)?;
        let make = |_| list_call(lane, query, page, page_size);
        let (generation, answer) = self.sims_call(Capability::Sims, make).await?;
        read_page(generation, &answer, page, page_size)
    }

    /// A page of the list of one generation and of no other, for a reading that must not mix the two: on an account
    /// with SIMs of both platforms v1 lists the old ones only.
    ///
    /// # Errors
    /// [`ClientError::CapabilityUnavailable`] when the generation turns out to be gone; otherwise as `list_sims`.
    pub async fn list_sims_in(
        &self,
        generation: Generation,
        lane: Lane,
        page: u32,
        page_size: u32,
    ) -> Result<SimPage, ClientError> {
        checked_page(page, page_size)?;
        let call = list_call(lane, &SimQuery::default(), page, page_size);
        let answer = self.call_pinned(Capability::Sims, generation, &call).await?;
        read_page(generation, &answer, page, page_size)
    }

    /// One SIM; `None` when 1NCE does not know it (404, or v1's empty 200). Refuses the answer about another card. While
    /// v2 fails, a SIM that v1 does not know is no `None` but [`ClientError::CapabilityUnknown`]: v2 may know it.
    pub async fn get_sim(&self, lane: Lane, iccid: Iccid) -> Result<Option<ProviderSim>, ClientError> {
        let read = async {
            let call = |_| Call::of_sim(&GET, lane, iccid, "");
            let (_, answer) = self.sims_call(Capability::Sims, call).await?;
            match answer.object(&GET, read_sim)? {
                Some(sim) if sim.iccid != iccid => Err(ClientError::IccidMismatch {
                    asked: iccid,
                    answered: sim.iccid,
                    request_id: answer.request_id,
                }),
                other => Ok(other),
            }
        };
        known(read.await)
    }

    /// Changes a SIM. Reads it first when a value must go along that is not given (see [`SimUpdate`]). Safe to repeat.
    pub async fn update_sim(&self, lane: Lane, update: &SimUpdate) -> Result<(), ClientError> {
        update_body(update)?;
        let make = |generation| -> Making<'_> {
            Box::pin(async move {
                let body = update_body(&self.completed(generation, lane, update).await?)?;
                Ok(Call::of_sim(&UPDATE, lane, update.iccid, "").body(body))
            })
        };
        self.through(Capability::Sims, lane, &make).await?;
        Ok(())
    }

    /// The update with the present lock and, for v1, the present status: what is left out may be reset to `false` and
    /// `Enabled`, the defaults of v1's file (FACTS §5, §19).
    async fn completed(
        &self,
        generation: Generation,
        lane: Lane,
        update: &SimUpdate,
    ) -> Result<SimUpdate, ClientError> {
        let mut whole = update.clone();
        let lacks_status = generation == Generation::V1 && update.status.is_none();
        if update.imei_lock.is_some() && !lacks_status {
            return Ok(whole);
        }
        let current = self.get_sim(lane, update.iccid).await?;
        let current = current.ok_or(ClientError::NotFound {
            endpoint: GET.name,
            by: Teller::Api,
            request_id: None,
        })?;
        whole.imei_lock = update.imei_lock.or(current.imei_lock);
        if lacks_status {
            whole.status = Some(kept_status(&current)?);
        }
        Ok(whole)
    }

    /// Changes up to 100 SIMs: with one call if every update gives lock and status, which that call may reset otherwise,
    /// and a generation has it; else one by one inside the budget.
    pub async fn bulk_update(&self, lane: Lane, updates: &[SimUpdate]) -> Result<BulkOutcome, ClientError> {
        checked_bulk(updates.len())?;
        let bodies: Vec<Value> = updates.iter().map(update_body).collect::<Result<_, _>>()?;
        if updates
            .iter()
            .all(|update| update.imei_lock.is_some() && update.status.is_some())
        {
            let body = Value::Array(bodies);
            let iccids: Vec<Iccid> = updates.iter().map(|update| update.iccid).collect();
            let make = |_| Call::new(&BULK, lane, "/sims").about(&iccids).body(body.clone());
            match self.sims_call(Capability::BulkUpdate, make).await {
                Ok(_) => return Ok(BulkOutcome::Queued),
                Err(ClientError::CapabilityUnavailable { .. } | ClientError::CapabilityUnknown { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let mut outcomes = Vec::with_capacity(updates.len());
        for update in updates {
            outcomes.push((update.iccid, self.update_sim(lane, update).await));
        }
        Ok(BulkOutcome::OneByOne(outcomes))
    }

    /// How a SIM is connected; `None` when 1NCE does not know it.
    pub async fn sim_status(&self, lane: Lane, iccid: Iccid) -> Result<Option<SimConnectivity>, ClientError> {
        let read = async {
            let call = |_| Call::of_sim(&STATUS, lane, iccid, "/status");
            let (_, answer) = self.sims_call(Capability::Status, call).await?;
            answer.object(&STATUS, read_connectivity)
        };
        known(read.await)
    }

    /// Resets a SIM's connection: queued by 1NCE, like switching it off and on. Repeated once at most.
    pub async fn reset_sim(&self, lane: Lane, iccid: Iccid) -> Result<(), ClientError> {
        self.sims_call(Capability::Reset, |_| Call::of_sim(&RESET, lane, iccid, "/reset"))
            .await?;
        Ok(())
    }

    /// Asks the visited network about a SIM (valid on 2G and 3G). May take a minute.
    pub async fn connectivity_info(
        &self,
        lane: Lane,
        iccid: Iccid,
        ussd: bool,
    ) -> Result<Option<ConnectivityInfo>, ClientError> {
        let timeout: Duration = self.inner.config.network_query_timeout;
        let read = async {
            let make = |_| {
                let mut call = Call::of_sim(&INFO, lane, iccid, "/connectivity_info")
                    .query("subscriber", true)
                    .query("ussd", ussd);
                call.timeout = Some(timeout);
                call
            };
            let (_, answer) = self.sims_call(Capability::ConnectivityInfo, make).await?;
            answer.object(&INFO, read_connectivity_info)
        };
        known(read.await)
    }

    /// Moves SIMs to another organisation of the same customer; their static addresses change.
    pub async fn transfer(&self, lane: Lane, transfer: &Transfer) -> Result<(), ClientError> {
        let body = transfer_body(transfer)?;
        self.sims_call(Capability::Transfer, |_| {
            Call::new(&TRANSFER, lane, "/sims/simTransfer")
                .about(&transfer.iccids)
                .body(body.clone())
        })
        .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update() -> SimUpdate {
        SimUpdate::new(Iccid::parse("8988999000000000017").unwrap())
    }

    #[test]
    fn an_update_holds_only_what_changes_and_the_number_as_text() {
        let mut update = update();
        update.label = Some("pump".into());
        assert_eq!(
            update_body(&update).unwrap(),
            json!({ "iccid": "8988999000000000017", "label": "pump" })
        );
    }

    #[test]
    fn a_transfer_names_its_target_only_when_there_is_one() {
        let card = update().iccid;
        let mut transfer = Transfer {
            target_organisation: Some(2_000_000_001),
            iccids: vec![card],
            ranges: vec![(card, card)],
        };
        let mut body = json!({ "target_organisation": 2_000_000_001, "iccids": ["8988999000000000017"],
            "iccid_ranges": [{ "from": "8988999000000000017", "to": "8988999000000000017" }] });
        assert_eq!(transfer_body(&transfer).unwrap(), body);
        transfer.target_organisation = None;
        body.as_object_mut().unwrap().remove("target_organisation");
        assert_eq!(transfer_body(&transfer).unwrap(), body, "towards the parent");
        transfer.iccids.clear();
        transfer.ranges.clear();
        assert!(transfer_body(&transfer).is_err());
    }

    #[test]
    fn only_a_status_that_can_be_set_is_sent_back() {
        let kept = |word| kept_status(&ProviderSim::bare(update().iccid, word));
        assert_eq!(kept("Activated").unwrap(), SimStatus::Enabled);
        assert_eq!(kept("Disabled").unwrap(), SimStatus::Disabled);
        assert!(matches!(kept("Expired"), Err(ClientError::Expired { .. })));
        assert!(matches!(kept("Asleep"), Err(ClientError::Invalid(_))));
    }

    #[test]
    fn impossible_updates_are_refused_before_anything_is_sent() {
        let mut long = update();
        long.label = Some("ü".repeat(256));
        assert!(matches!(update_body(&long), Err(ClientError::Invalid(_))));
        let mut expired = update();
        expired.status = Some(SimStatus::Expired);
        assert!(matches!(update_body(&expired), Err(ClientError::Invalid(_))));
        assert!(checked_bulk(0).is_err());
        assert!(checked_bulk(101).is_err());
    }
}
