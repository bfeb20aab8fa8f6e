//! What the emulator starts with (`EmulatorConfig`) and what may change while it runs (`Settings`).

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::streams::types::StreamConfig;

/// Which reading of 1NCE is served where specification and recordings disagree (FACTS §0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// As the OpenAPI files promise.
    Spec,
    /// As real answers were recorded: empty 200 for an unknown ICCID, `TOTAL` rows, `Activated`, …
    Recorded,
}

impl std::str::FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "spec" => Ok(Mode::Spec),
            "recorded" => Ok(Mode::Recorded),
            other => Err(format!("unknown mode {other:?}, expected spec or recorded")),
        }
    }
}

/// Whether API v1 is still there (FACTS §1: retired on 31 Dec 2026).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Generation {
    /// Served.
    Active,
    /// Gone: answers `v1_retired_status` (v1) or 404 (v2).
    Retired,
}

/// Seconds on the domain clock between an order and its payment (FACTS §9).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaymentDelays {
    /// Charged at once.
    pub creditcard: i64,
    /// Two to three days.
    pub banktransfer: i64,
    /// Accepted at once, invoiced later.
    pub monthlyinvoice: i64,
    /// One day.
    pub boleto: i64,
}

/// Everything `POST /_emulator/config` may change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Specification or recordings.
    pub mode: Mode,
    /// API v1.
    pub v1: Generation,
    /// API v2.
    pub v2: Generation,
    /// Status of `/v1/sims*` once v1 is retired: 404 or 410.
    pub v1_retired_status: u16,
    /// Whether orders, products and support stay under `/v1` after the retirement.
    pub v1_orders_survive: bool,
    /// `/sims*` calls in any second per customer; 0 = no limit.
    pub rate_per_second: u32,
    /// Length of that window in real milliseconds; 1NCE's is a second.
    pub rate_window_ms: u64,
    /// Calls in any 5 minutes per IP address for each of orders, products, support; 0 = no limit.
    pub management_per_5_minutes: u32,
    /// `/oauth` calls in any minute per IP address; 0 = no limit.
    pub oauth_per_minute: u32,
    /// Whether a 429 carries `Retry-After` (unconfirmed at 1NCE, FACTS §3).
    pub retry_after: bool,
    /// Whether lists carry `X-Total-Count` and its siblings (FACTS §4).
    pub paging_headers: bool,
    /// Added to every API answer, in real milliseconds.
    pub latency_ms: u64,
    /// Life of a token on the domain clock.
    pub token_lifetime_seconds: i64,
    /// Domain seconds until a queued bulk update or reset happens.
    pub async_delay_seconds: i64,
    /// Domain seconds until a single `PUT` happens; 0 = before the answer.
    pub put_delay_seconds: i64,
    /// Domain seconds until an attached SIM has received its SMS.
    pub sms_delivery_seconds: i64,
    /// Domain seconds until ordered SIM cards arrive.
    pub order_delay_seconds: i64,
    /// Domain seconds until a top-up or extension is paid.
    pub payment_delays: PaymentDelays,
    /// Whether a `PUT` without `imei_lock` switches the lock off (unconfirmed, FACTS §5).
    pub put_resets_imei_lock: bool,
    /// Whether `GET /v2/sims/{iccid}/usage` exists (unconfirmed, FACTS §1).
    pub v2_usage: bool,
    /// Whether v2 events carry `detail`; its published `oneOf` accepts no natural value.
    pub event_details: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: Mode::Recorded,
            v1: Generation::Active,
            v2: Generation::Active,
            v1_retired_status: 404,
            v1_orders_survive: true,
            rate_per_second: 10,
            rate_window_ms: 1000,
            management_per_5_minutes: 100,
            oauth_per_minute: 600,
            retry_after: false,
            paging_headers: true,
            latency_ms: 0,
            token_lifetime_seconds: 3600,
            async_delay_seconds: 2,
            put_delay_seconds: 0,
            sms_delivery_seconds: 3,
            order_delay_seconds: 3 * 86_400,
            payment_delays: PaymentDelays {
                creditcard: 2,
                banktransfer: 2 * 86_400,
                monthlyinvoice: 2,
                boleto: 86_400,
            },
            put_resets_imei_lock: false,
            v2_usage: true,
            event_details: true,
        }
    }
}

impl Settings {
    /// Lays the keys of a partial JSON object over the current values; an unknown key or a wrong type is an error.
    pub fn merged(&self, partial: &serde_json::Value) -> Result<Settings, String> {
        let mut whole = serde_json::to_value(self).map_err(|e| e.to_string())?;
        overlay(&mut whole, partial)?;
        serde_json::from_value(whole).map_err(|e| e.to_string())
    }
}

fn overlay(whole: &mut serde_json::Value, partial: &serde_json::Value) -> Result<(), String> {
    let (Some(target), Some(source)) = (whole.as_object_mut(), partial.as_object()) else {
        return Err("settings are a JSON object".to_owned());
    };
    for (key, value) in source {
        match target.get_mut(key) {
            Some(inner) if inner.is_object() => overlay(inner, value)?,
            Some(slot) => *slot = value.clone(),
            None => return Err(format!("unknown setting {key:?}")),
        }
    }
    Ok(())
}

/// An API user of a 1NCE customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// `<account>_<name>`; users with the same account number share its fleet and rate window (FACTS §2, §3).
    pub client_id: String,
    /// The password of the API user.
    pub client_secret: String,
}

/// What an emulator starts with.
#[derive(Debug, Clone)]
pub struct EmulatorConfig {
    /// Address to listen on; port 0 picks a free one.
    pub listen: String,
    /// SIMs per customer, at most [`crate::MAX_FLEET`].
    pub fleet: u32,
    /// Same seed, same fleet.
    pub seed: u64,
    /// Where the domain clock begins; now when nothing is chosen.
    pub start: Option<DateTime<Utc>>,
    /// API users; the customer of the first one answers control calls that name none.
    pub customers: Vec<Customer>,
    /// Initial settings.
    pub settings: Settings,
    /// HTTP worker threads.
    pub workers: usize,
    /// Streams of the first customer that run from the start.
    pub streams: Vec<StreamConfig>,
}

impl Default for EmulatorConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:0".to_owned(),
            fleet: 1000,
            seed: 1,
            start: None,
            customers: vec![Customer {
                client_id: "990001_simward".to_owned(),
                client_secret: "emulator-secret".to_owned(),
            }],
            settings: Settings::default(),
            workers: 2,
            streams: Vec::new(),
        }
    }
}

impl EmulatorConfig {
    /// Sets the number of SIMs per customer.
    #[must_use]
    pub fn with_fleet(mut self, sims: u32) -> Self {
        self.fleet = sims;
        self
    }

    /// Sets the seed of the fleet.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Chooses where the domain clock begins.
    #[must_use]
    pub fn with_start(mut self, start: DateTime<Utc>) -> Self {
        self.start = Some(start);
        self
    }

    /// Chooses between specification and recordings.
    #[must_use]
    pub fn with_mode(mut self, mode: Mode) -> Self {
        self.settings.mode = mode;
        self
    }

    /// Sets the calls per second and customer; 0 switches the limit off.
    #[must_use]
    pub fn with_rate(mut self, per_second: u32) -> Self {
        self.settings.rate_per_second = per_second;
        self
    }

    /// Switches every rate limit off.
    #[must_use]
    pub fn without_limits(mut self) -> Self {
        self.settings.rate_per_second = 0;
        self.settings.management_per_5_minutes = 0;
        self.settings.oauth_per_minute = 0;
        self
    }

    /// Adds an API user; a new account number brings a fleet of its own.
    #[must_use]
    pub fn with_customer(mut self, client_id: &str, client_secret: &str) -> Self {
        self.customers.push(Customer {
            client_id: client_id.to_owned(),
            client_secret: client_secret.to_owned(),
        });
        self
    }

    /// Changes any other setting.
    #[must_use]
    pub fn with_settings(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_partial_object_changes_only_its_keys() {
        let before = Settings::default();
        let after = before
            .merged(&json!({"v1": "retired", "payment_delays": {"boleto": 5}}))
            .unwrap_or_default();
        assert_eq!(after.v1, Generation::Retired);
        assert_eq!(
            (after.payment_delays.boleto, after.payment_delays.creditcard),
            (5, 2)
        );
        assert_eq!(after.rate_per_second, before.rate_per_second);
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in [
            json!({"nope": 1}),
            json!({"mode": "guess"}),
            json!({"rate_per_second": "ten"}),
            json!([]),
        ] {
            assert!(Settings::default().merged(&bad).is_err(), "{bad}");
        }
    }
}
