use domain::{Iccid, ProviderSim, SimStatus};

use super::RejectedRecord;
use crate::error::ClientError;

/// One page of the SIM list.
#[derive(Debug, Clone, PartialEq)]
pub struct SimPage {
    /// The SIMs in 1NCE's order.
    pub sims: Vec<ProviderSim>,
    /// Records that are no SIM.
    pub rejects: Vec<RejectedRecord>,
    /// SIMs in all; `None` when 1NCE left the header out. Read pages until one is not full then (FACTS §4).
    pub total: Option<u64>,
    /// Pages in all, at this page size.
    pub total_pages: Option<u32>,
    /// This page's number, from 1.
    pub page: u32,
    /// The page size asked for.
    pub page_size: u32,
}

impl SimPage {
    /// Whether this is the last page: shorter than asked for. Survives missing headers (FACTS §4).
    pub fn is_last(&self) -> bool {
        self.sims.len() + self.rejects.len() < self.page_size as usize
    }
}

/// What to change on a SIM; `None` leaves a value alone.
///
/// 1NCE may reset a lock that is left out (FACTS §19), so when `imei_lock` is `None` the client reads the current
/// value first: one more call. Give the known value to save it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimUpdate {
    /// The card.
    pub iccid: Iccid,
    /// The customer's text, at most 255 characters.
    pub label: Option<String>,
    /// Whether the SIM works in its current device only.
    pub imei_lock: Option<bool>,
    /// [`SimStatus::Enabled`] or [`SimStatus::Disabled`].
    pub status: Option<SimStatus>,
}

impl SimUpdate {
    /// An update that changes nothing yet.
    pub fn new(iccid: Iccid) -> Self {
        Self {
            iccid,
            label: None,
            imei_lock: None,
            status: None,
        }
    }
}

/// How a change of many SIMs went.
#[derive(Debug)]
pub enum BulkOutcome {
    /// 1NCE queued all of them and will not tell how each went: read them again (FACTS §5).
    Queued,
    /// This account has no bulk call: they were changed one by one, each with its own outcome.
    OneByOne(Vec<(Iccid, Result<(), ClientError>)>),
}

/// SIMs that move to another organisation of the same customer (FACTS §5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// 1NCE's number of the target organisation.
    pub target_organisation: u64,
    /// Single cards.
    pub iccids: Vec<Iccid>,
    /// Ranges, both ends included.
    pub ranges: Vec<(Iccid, Iccid)>,
}
