use super::part;
use super::proxies::TrustedProxies;

/// How many requests a caller has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimits {
    pub per_minute: u32,
    pub per_hour: u32,
}

part! {
    /// Limits of users and addresses; a key has its own.
    pub struct LimitsConfig {
        /// Requests of one user in a minute.
        pub user_rate_limit_per_minute: u32,
        /// Requests of one user in an hour.
        pub user_rate_limit_per_hour: u32,
        /// Readings at 1NCE that one caller may ask for in a minute.
        pub refreshes_per_minute: u32,
        /// Requests without good credentials in a minute, of one address.
        pub unauthenticated_per_minute: u32,
        /// Whose `X-Forwarded-For` is believed.
        pub trusted_proxies: TrustedProxies,
    }
}

impl LimitsConfig {
    pub(super) fn positive(&self) -> Vec<(&'static str, u64)> {
        vec![
            (
                "user_rate_limit_per_minute",
                self.user_rate_limit_per_minute.into(),
            ),
            ("user_rate_limit_per_hour", self.user_rate_limit_per_hour.into()),
            ("refreshes_per_minute", self.refreshes_per_minute.into()),
            (
                "unauthenticated_per_minute",
                self.unauthenticated_per_minute.into(),
            ),
        ]
    }

    pub(crate) fn of_refreshes(&self) -> RateLimits {
        RateLimits {
            per_minute: self.refreshes_per_minute,
            per_hour: self.refreshes_per_minute.saturating_mul(60),
        }
    }

    pub(crate) fn of_users(&self) -> RateLimits {
        RateLimits {
            per_minute: self.user_rate_limit_per_minute,
            per_hour: self.user_rate_limit_per_hour,
        }
    }
}
