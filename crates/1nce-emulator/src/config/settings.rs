//! What may change while the emulator runs.

use serde::{Deserialize, Serialize};

use super::ended::{Ended, Manner};
use super::latency::{Extra, drawn};
use super::payments::{PaymentDelays, PaymentOutcomes};
use super::v2::{UsageShape, V2Paths};

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

/// Where the same SIM shows another `activation_date` in the list than alone, as in a recording of v1
/// (FACTS-2026-11 U10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DateTrap {
    /// Nowhere.
    Off,
    /// In v1, as recorded.
    V1,
    /// In v2 as well.
    Both,
}

/// Everything `POST /_emulator/config` may change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// Paths that are gone, each in its manner; the first that fits decides, before `v1` and `v2`.
    pub ended: Vec<Ended>,
    /// How long a call to a path that ended by [`Manner::Hang`] waits for nothing, in real seconds.
    pub hang_seconds: u64,
    /// SIMs from this number of a customer on exist in v2 only, as those of a hybrid account do (FACTS §1).
    pub v2_only_from: Option<u32>,
    /// `/sims*` calls in any second per customer; 0 = no limit.
    pub rate_per_second: u32,
    /// Length of that window in real milliseconds; 1NCE's is a second.
    pub rate_window_ms: u64,
    /// Calls in any 5 minutes per IP address for each of orders, products, support; 0 = no limit.
    pub management_per_5_minutes: u32,
    /// `/oauth` calls in any minute per IP address; 0 = no limit.
    pub oauth_per_minute: u32,
    /// Whether calls over a limit take a place in its window, and a customer's calls to unknown paths one in that of
    /// `/sims*` (unknown at 1NCE).
    pub refused_calls_count: bool,
    /// Whether a 429 carries `Retry-After` (unconfirmed at 1NCE, FACTS §3).
    pub retry_after: bool,
    /// Whether lists carry `X-Total-Count` and its siblings (FACTS §4).
    pub paging_headers: bool,
    /// Added to every API answer, in real milliseconds.
    pub latency_ms: u64,
    /// Added to some API answers.
    pub latency_extra: Vec<Extra>,
    /// Time from the caller to the emulator in real milliseconds: a call is counted and acted on when it arrives,
    /// even if its caller has gone by then.
    pub arrival_ms: u64,
    /// Added to some arrivals.
    pub arrival_extra: Vec<Extra>,
    /// Whether bodies are compressed for those who accept gzip, as the edge does (FACTS-2026-11 U10).
    pub compress: bool,
    /// Whether a `POST` or `PUT` that does not tell the length of its body gets 411, as some gateways answer.
    pub content_length_required: bool,
    /// Larger bodies get 413. The default is the limit of AWS API Gateway; 1NCE's is unconfirmed.
    pub max_body_bytes: usize,
    /// Life of a token on the domain clock.
    pub token_lifetime_seconds: i64,
    /// Domain seconds until a queued bulk update or reset happens.
    pub async_delay_seconds: i64,
    /// Domain seconds until a single `PUT` happens; 0 = before the answer.
    pub put_delay_seconds: i64,
    /// Domain seconds for which a list still shows label, status and lock as they were before a `PUT`, and a SIM that
    /// was transferred away.
    pub list_lag_seconds: i64,
    /// Domain seconds for which the single `GET` still shows label, status and lock as they were before a `PUT`.
    pub get_lag_seconds: i64,
    /// Share of unsorted list pages that are taken from an order shifted by up to three rows, so that a row comes twice
    /// or not at all although the fleet did not change.
    pub list_disorder: f64,
    /// Whether v2 answers 409 to a change of a SIM that has another one queued (it declares 409; the cause is assumed).
    pub busy_conflicts: bool,
    /// The most SIMs of a bulk call; an assumption, as no source has a number (FACTS §19 suggests 100).
    pub max_bulk_sims: usize,
    /// The most characters of a label; an assumption, as no source has a number (FACTS §19 suggests 255).
    pub max_label_chars: usize,
    /// Domain seconds until an attached SIM has received its SMS.
    pub sms_delivery_seconds: i64,
    /// Domain seconds until ordered SIM cards arrive.
    pub order_delay_seconds: i64,
    /// Domain seconds until a new order is found by `GET /orders` and `GET /orders/{n}`.
    pub order_visible_delay_seconds: i64,
    /// Whether order numbers have gaps: other customers order as well.
    pub order_number_gaps: bool,
    /// Whether `POST /orders` answers 200 with an echo, which 1NCE's own client needs; else an empty 201.
    pub order_echo: bool,
    /// Whether the 201 of a top-up names the order in `Location`.
    pub topup_location: bool,
    /// Domain seconds until a top-up or extension is paid.
    pub payment_delays: PaymentDelays,
    /// Whether payments succeed.
    pub payment_outcomes: PaymentOutcomes,
    /// Whether a `PUT` without `imei_lock` switches the lock off (unconfirmed, FACTS §5).
    pub put_resets_imei_lock: bool,
    /// Where the dates of list and single `GET` differ, in mode `recorded`.
    pub activation_date_trap: DateTrap,
    /// Whether `GET /v2/sims/{iccid}/usage` exists (unconfirmed, FACTS-2026-11 U2).
    pub v2_usage: bool,
    /// Its body.
    pub v2_usage_shape: UsageShape,
    /// Other paths of v2 that are not in its published file.
    pub v2_paths: V2Paths,
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
            ended: Vec::new(),
            hang_seconds: 120,
            v2_only_from: None,
            rate_per_second: 10,
            rate_window_ms: 1000,
            management_per_5_minutes: 100,
            oauth_per_minute: 600,
            refused_calls_count: true,
            retry_after: false,
            paging_headers: true,
            latency_ms: 0,
            latency_extra: Vec::new(),
            arrival_ms: 0,
            arrival_extra: Vec::new(),
            compress: true,
            content_length_required: false,
            max_body_bytes: 10 * 1024 * 1024,
            token_lifetime_seconds: 3600,
            async_delay_seconds: 2,
            put_delay_seconds: 0,
            list_lag_seconds: 0,
            get_lag_seconds: 0,
            list_disorder: 0.0,
            busy_conflicts: true,
            max_bulk_sims: 100,
            max_label_chars: 255,
            sms_delivery_seconds: 3,
            order_delay_seconds: 3 * 86_400,
            order_visible_delay_seconds: 1,
            order_number_gaps: true,
            order_echo: true,
            topup_location: true,
            payment_delays: PaymentDelays::default(),
            payment_outcomes: PaymentOutcomes::default(),
            put_resets_imei_lock: true,
            activation_date_trap: DateTrap::Both,
            v2_usage: false,
            v2_usage_shape: UsageShape::V1,
            v2_paths: V2Paths::default(),
            event_details: true,
        }
    }
}

impl Settings {
    /// What is wrong with the values, if anything.
    pub fn check(&self) -> Result<(), String> {
        let share = |value: f64| (0.0..=1.0).contains(&value);
        if ![404, 410].contains(&self.v1_retired_status) {
            return Err("v1_retired_status must be 404 or 410".to_owned());
        }
        if !share(self.list_disorder) {
            return Err("list_disorder is between 0 and 1".to_owned());
        }
        for extra in self.latency_extra.iter().chain(&self.arrival_extra) {
            if !share(extra.share) {
                return Err("share of an extra is between 0 and 1".to_owned());
            }
        }
        Ok(())
    }

    /// How the path of a call ended, if it did.
    pub(crate) fn ended(&self, method: &str, path: &str) -> Option<Manner> {
        let rule = self.ended.iter().find(|rule| rule.fits(method, path));
        rule.map(|rule| rule.manner)
    }

    /// Milliseconds one call takes to arrive.
    pub(crate) fn arrival(&self) -> u64 {
        drawn(self.arrival_ms, &self.arrival_extra)
    }

    /// Milliseconds one answer takes.
    pub(crate) fn latency(&self) -> u64 {
        drawn(self.latency_ms, &self.latency_extra)
    }

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
