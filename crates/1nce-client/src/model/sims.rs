use std::net::IpAddr;

use domain::{Iccid, Imei, ProviderSim, SimStatus};

use super::{RejectedRecord, Sort};
use crate::capability::Generation;
use crate::error::ClientError;

/// Which SIMs to list and in which order; 1NCE filters by nothing else (FACTS §4). The default lists all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SimQuery {
    /// Only the SIM in this device, by the number that 1NCE shows (an IMEISV).
    pub imei: Option<Imei>,
    /// Only the SIM with this static address.
    pub ip_address: Option<IpAddr>,
    /// By `imei` and `ip_address`; 1NCE's own order when left out.
    pub sort: Option<Sort>,
}

impl SimQuery {
    /// The parameters `q` and `sort`, those that are needed.
    pub(crate) fn parameters(&self) -> Vec<(&'static str, String)> {
        let imei = self.imei.as_ref().map(|imei| format!("imei:{imei}"));
        let address = self.ip_address.map(|address| format!("ip_address:{address}"));
        let filters: Vec<String> = [imei, address].into_iter().flatten().collect();
        let q = (!filters.is_empty()).then(|| ("q", filters.join(",")));
        let sort = self.sort.as_ref().map(|sort| ("sort", sort.to_string()));
        [q, sort].into_iter().flatten().collect()
    }
}

/// One page of the SIM list.
#[derive(Debug, Clone, PartialEq)]
pub struct SimPage {
    /// The generation that listed them.
    pub generation: Generation,
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
/// 1NCE may reset a lock that is left out, and v1 also a status (FACTS §5, §19), so the client reads the current values
/// first when `imei_lock` is `None`, on v1 also when `status` is: one more call. Give the known values to save it.
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
    /// There is no bulk call, or it might reset what an update left out: one by one, each with its own outcome.
    OneByOne(Vec<(Iccid, Result<(), ClientError>)>),
}

/// SIMs that move to another organisation of the same customer (FACTS §5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// 1NCE's number of the target organisation; needed towards a sub-organisation.
    pub target_organisation: Option<u64>,
    /// Single cards.
    pub iccids: Vec<Iccid>,
    /// Ranges, both ends included.
    pub ranges: Vec<(Iccid, Iccid)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_joins_its_filters_and_sends_nothing_that_is_not_asked_for() {
        assert!(SimQuery::default().parameters().is_empty());
        let query = SimQuery {
            imei: Imei::parse("3500000000000101").ok(),
            ip_address: "100.64.0.17".parse().ok(),
            sort: Sort::parse("ip_address,-imei").ok(),
        };
        assert_eq!(
            query.parameters(),
            [
                ("q", "imei:3500000000000101,ip_address:100.64.0.17".to_owned()),
                ("sort", "ip_address,-imei".to_owned())
            ]
        );
    }
}
