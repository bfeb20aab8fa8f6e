//! Settings of one account's client.

use std::time::Duration;

use domain::AccountSlug;
use secrecy::SecretString;

use crate::capability::Generations;
use crate::error::ClientError;

/// Settings of one account's client; [`ClientConfig::new`] fills in what the published API needs.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// The account, part of every Redis key.
    pub account: AccountSlug,
    /// Without the generation: `https://…/management-api`.
    pub base_url: String,
    /// User of the token endpoint.
    pub client_id: String,
    /// Its secret.
    pub client_secret: SecretString,
    /// Calls per second to `/sims*` that 1NCE grants this account (FACTS §3).
    pub sims_per_second: u32,
    /// Processes that share the account: the divisor of the rate when Redis is gone.
    pub replicas: u32,
    /// Which generations of the SIM API may be used.
    pub generations: Generations,
    /// Version segment of orders, products and support, used whatever it answers; `None` finds it out, v1 first (FACTS
    /// §1: whether `/v1` stays is unconfirmed).
    pub orders_version: Option<String>,
    /// How long a capability that a generation lacks is not tried there again.
    pub relearn_after: Duration,
    /// Beginning of every Redis key; unique per test.
    pub key_prefix: String,
    /// Longest time from sending a request to its whole answer.
    pub call_timeout: Duration,
    /// The same for `connectivity_info`, which waits on a visited network (FACTS §6).
    pub network_query_timeout: Duration,
    /// Longest time to open a connection.
    pub connect_timeout: Duration,
    /// Added to the one-second window for requests that travel at uneven speed.
    pub budget_guard: Duration,
    /// Longest wait for the budget of interactive, command and background calls; `None` waits for ever.
    pub lane_max_wait: [Option<Duration>; 3],
    /// Longest Redis call; then the local limiter takes over.
    pub redis_timeout: Duration,
    /// How often a lost Redis is tried again.
    pub redis_retry: Duration,
    /// How often a repeatable call is repeated, per lane.
    pub max_retries: [usize; 3],
    /// First delay before a repeat; doubles, with jitter.
    pub retry_min_delay: Duration,
    /// Failures in a row that open the breaker.
    pub breaker_threshold: u32,
    /// First pause of an open breaker; doubles up to `breaker_max_pause`.
    pub breaker_min_pause: Duration,
    /// Longest pause of an open breaker.
    pub breaker_max_pause: Duration,
    /// How long refused credentials are not tried again.
    pub bad_login_pause: Duration,
    /// Least distance of two refreshes of a token that is still good, all processes together.
    pub token_refresh_distance: Duration,
    /// Largest answer that is read, in bytes.
    pub max_body: usize,
}

impl ClientConfig {
    /// The settings that the published limits ask for, one replica.
    pub fn new(
        account: AccountSlug,
        base_url: impl Into<String>,
        client_id: impl Into<String>,
        client_secret: SecretString,
    ) -> Self {
        Self {
            account,
            base_url: base_url.into(),
            client_id: client_id.into(),
            client_secret,
            sims_per_second: 10,
            replicas: 1,
            generations: Generations::Auto,
            orders_version: None,
            relearn_after: Duration::from_secs(3_600),
            key_prefix: "simward".into(),
            call_timeout: Duration::from_secs(10),
            network_query_timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(5),
            budget_guard: Duration::from_millis(30),
            lane_max_wait: [
                Some(Duration::from_secs(10)),
                Some(Duration::from_secs(120)),
                None,
            ],
            redis_timeout: Duration::from_millis(250),
            redis_retry: Duration::from_millis(500),
            max_retries: [2, 4, 6],
            retry_min_delay: Duration::from_millis(200),
            breaker_threshold: 8,
            breaker_min_pause: Duration::from_secs(2),
            breaker_max_pause: Duration::from_secs(30),
            bad_login_pause: Duration::from_secs(10),
            token_refresh_distance: Duration::from_secs(30),
            max_body: 16 * 1024 * 1024,
        }
    }

    /// The base address without a trailing slash, or why the settings cannot work.
    pub(crate) fn checked_base(&self) -> Result<String, ClientError> {
        let config = |text: &str| ClientError::Config(text.to_owned());
        let url = reqwest::Url::parse(&self.base_url)
            .map_err(|error| config(&format!("base_url is no address: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(config("base_url must be http or https with a host"));
        }
        if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
            return Err(config("base_url must not carry a query, a fragment or a login"));
        }
        if self.client_id.is_empty() {
            return Err(config("client_id is empty"));
        }
        let is_segment =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if self
            .orders_version
            .as_deref()
            .is_some_and(|version| !is_segment(version))
        {
            return Err(config(
                "orders_version is one segment of a path: letters and digits",
            ));
        }
        if self.sims_per_second == 0 || self.replicas == 0 {
            return Err(config("sims_per_second and replicas must be at least 1"));
        }
        Ok(self.base_url.trim_end_matches('/').to_owned())
    }

    /// A Redis key of this account; the braces keep an account's keys in one cluster slot.
    pub(crate) fn key(&self, name: &str) -> String {
        format!("{}:once:{{{}}}:{name}", self.key_prefix, self.account)
    }

    /// A Redis key shared by all accounts behind one address (limits per IP, FACTS §3).
    pub(crate) fn ip_key(&self, name: &str) -> String {
        format!("{}:once:{{ip}}:{name}", self.key_prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(base: &str) -> ClientConfig {
        let account = AccountSlug::parse("main").unwrap();
        ClientConfig::new(account, base, "id", SecretString::from("secret"))
    }

    #[test]
    fn a_base_address_loses_its_slash_and_must_be_http() {
        assert_eq!(
            config("http://127.0.0.1:1/management-api/")
                .checked_base()
                .unwrap(),
            "http://127.0.0.1:1/management-api"
        );
        for bad in ["", "ftp://x/", "http://u:p@x/", "http://x/?a=b"] {
            assert!(config(bad).checked_base().is_err(), "{bad}");
        }
    }

    #[test]
    fn debug_output_never_shows_the_secret() {
        assert!(!format!("{:?}", config("http://x")).contains("secret\""));
    }
}
