use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{Iccid, Imei, Imsi, Msisdn, QuotaSummary};

/// Whether a SIM may use the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SimStatus {
    /// `Enabled`, also `Activated`.
    Enabled,
    /// `Disabled`, also `Deactivated` and `Suspended`.
    Disabled,
    /// The contract time is over; only an extension is possible (FACTS §5).
    Expired,
    /// A word that 1NCE has not documented; [`ProviderSim::provider_status`] keeps it.
    Unknown,
}

impl SimStatus {
    /// Every status, in the order of its stored number.
    pub const ALL: [Self; 4] = [Self::Enabled, Self::Disabled, Self::Expired, Self::Unknown];

    /// Reads any of 1NCE's words, whatever their case (FACTS §5).
    pub fn from_provider(word: &str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "enabled" | "activated" => Self::Enabled,
            "disabled" | "deactivated" | "suspended" => Self::Disabled,
            "expired" => Self::Expired,
            _ => Self::Unknown,
        }
    }

    /// The word that our API shows and reads.
    pub fn word(self) -> &'static str {
        match self {
            Self::Enabled => "Enabled",
            Self::Disabled => "Disabled",
            Self::Expired => "Expired",
            Self::Unknown => "Unknown",
        }
    }

    /// The stored number.
    pub fn code(self) -> i16 {
        match self {
            Self::Enabled => 0,
            Self::Disabled => 1,
            Self::Expired => 2,
            Self::Unknown => 3,
        }
    }

    /// The status of a stored number.
    pub fn from_code(code: i16) -> Self {
        Self::ALL
            .into_iter()
            .find(|status| status.code() == code)
            .unwrap_or(Self::Unknown)
    }
}

/// One SIM as 1NCE tells it, list and single read alike. What 1NCE leaves out is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderSim {
    /// The card's number.
    pub iccid: Iccid,
    /// The card's first subscriber number.
    pub imsi: Option<Imsi>,
    /// The second one, on multi-IMSI cards.
    pub imsi_2: Option<Imsi>,
    /// The one in use.
    pub current_imsi: Option<Imsi>,
    /// The telephone number.
    pub msisdn: Option<Msisdn>,
    /// The device seen last, also when a later reading leaves it out; absent until the first attach.
    pub imei: Option<Imei>,
    /// Whether the SIM works in that device only.
    pub imei_lock: Option<bool>,
    /// The status, mapped.
    pub status: SimStatus,
    /// The status in 1NCE's own word.
    pub provider_status: String,
    /// The customer's text.
    pub label: Option<String>,
    /// The static private address, as text.
    pub ip_address: Option<String>,
    /// When the SIM was activated.
    pub activation_date: Option<DateTime<Utc>>,
    /// The data quota in bytes.
    pub data_quota: QuotaSummary,
    /// The SMS quota in messages.
    pub sms_quota: QuotaSummary,
    /// Fields that this version does not know, and known ones whose value it could not read.
    #[serde(default)]
    pub extra: serde_json::Map<String, serde_json::Value>,
}

impl ProviderSim {
    /// A SIM of which only the number and status are known.
    pub fn bare(iccid: Iccid, provider_status: &str) -> Self {
        Self {
            iccid,
            imsi: None,
            imsi_2: None,
            current_imsi: None,
            msisdn: None,
            imei: None,
            imei_lock: None,
            status: SimStatus::from_provider(provider_status),
            provider_status: provider_status.to_owned(),
            label: None,
            ip_address: None,
            activation_date: None,
            data_quota: QuotaSummary::default(),
            sms_quota: QuotaSummary::default(),
            extra: serde_json::Map::new(),
        }
    }

    /// Keeps the device seen last where this reading leaves it out, so that the next one is known to be another.
    pub fn keep_device(&mut self, before: &Self) {
        if self.imei.is_none() {
            self.imei.clone_from(&before.imei);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_vocabularies_mean_the_same() {
        for word in ["Enabled", "ACTIVATED", "activated"] {
            assert_eq!(SimStatus::from_provider(word), SimStatus::Enabled);
        }
        for word in ["Disabled", "Deactivated", "suspended"] {
            assert_eq!(SimStatus::from_provider(word), SimStatus::Disabled);
        }
        assert_eq!(SimStatus::from_provider("On holiday"), SimStatus::Unknown);
    }

    #[test]
    fn a_reading_without_a_device_keeps_the_last_one() {
        let iccid = Iccid::parse("8988999000000000017").unwrap();
        let with = |imei: Option<&str>| ProviderSim {
            imei: imei.map(|imei| Imei::parse(imei).unwrap()),
            ..ProviderSim::bare(iccid, "Enabled")
        };
        let first = with(Some("3500000000000101"));
        let mut silent = with(None);
        silent.keep_device(&first);
        let mut other = with(Some("3500000000000201"));
        other.keep_device(&silent);

        assert_eq!(silent, first);
        assert_eq!(other, with(Some("3500000000000201")));
        assert!(matches!(
            crate::sim_changes(&silent, &other)[..],
            [crate::SimChange::Imei { .. }]
        ));
    }

    #[test]
    fn a_status_survives_its_stored_number() {
        for status in SimStatus::ALL {
            assert_eq!(SimStatus::from_code(status.code()), status);
        }
    }
}
