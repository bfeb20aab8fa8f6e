//! The section `gateway`; `default.toml` says what each key means.

mod cache;
mod keys;
mod limits;
mod listen;
mod live;
mod proxies;

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use service_runtime::config::{ConfigError, Settings};

pub use cache::CacheConfig;
pub use keys::KeysConfig;
pub use limits::{LimitsConfig, RateLimits};
pub use listen::ListenConfig;
pub(crate) use listen::cors_origins;
pub use live::LiveConfig;

const SECTION: &str = "gateway";

/// Declares a part of the section, with the names of its keys: each part reads its own, and no key belongs to none.
macro_rules! part {
    ($(#[doc = $doc:literal])* pub struct $name:ident {
        $($(#[doc = $key_doc:literal])* pub $key:ident : $type:ty),+ $(,)?
    }) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, serde::Deserialize)]
        pub struct $name { $($(#[doc = $key_doc])* pub $key: $type),+ }

        impl $name {
            pub(super) const KEYS: &'static [&'static str] = &[$(stringify!($key)),+];
        }
    };
}
use part;

/// The section `gateway`.
#[derive(Debug, Clone)]
pub struct GatewayConfig {
    /// The REST API's connections.
    pub listen: ListenConfig,
    /// API keys.
    pub keys: KeysConfig,
    /// SIMs that are kept.
    pub cache: CacheConfig,
    /// Limits of users and addresses.
    pub limits: LimitsConfig,
    /// Streams of events.
    pub live: LiveConfig,
}

impl GatewayConfig {
    /// Reads and checks the section.
    ///
    /// # Errors
    /// When a key is not known, has the wrong type or no usable value.
    pub fn from_settings(settings: &Settings) -> Result<Self, ConfigError> {
        refuse_unknown(settings)?;
        let config = Self {
            listen: settings.section(SECTION)?,
            keys: settings.section(SECTION)?,
            cache: settings.section(SECTION)?,
            limits: settings.section(SECTION)?,
            live: settings.section(SECTION)?,
        };
        config.check()?;
        Ok(config)
    }

    /// Whether it can be used.
    ///
    /// # Errors
    /// Names every setting that cannot.
    pub fn check(&self) -> Result<(), ConfigError> {
        let missing = [self.keys.missing(), self.listen.missing()].concat();
        if !missing.is_empty() {
            return Err(ConfigError::Missing(missing));
        }
        let positive = [self.limits.positive(), self.listen.positive()].concat();
        let wrong = positive.into_iter().filter(|(_, value)| *value == 0);
        let wrong: Vec<String> = wrong
            .map(|(key, _)| format!("{SECTION}.{key} must not be 0"))
            .collect();
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(ConfigError::Unusable(wrong))
        }
    }
}

/// A misspelt key must not leave the default in force.
fn refuse_unknown(settings: &Settings) -> Result<(), ConfigError> {
    let given: BTreeMap<String, IgnoredAny> = settings.section(SECTION)?;
    let known = [
        CacheConfig::KEYS,
        KeysConfig::KEYS,
        LimitsConfig::KEYS,
        ListenConfig::KEYS,
        LiveConfig::KEYS,
    ]
    .concat();
    let unknown = given.keys().filter(|key| !known.contains(&key.as_str()));
    let unknown: Vec<String> = unknown
        .map(|key| format!("{SECTION}.{key} is no setting"))
        .collect();
    if unknown.is_empty() {
        Ok(())
    } else {
        Err(ConfigError::Unusable(unknown))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "hunter2-hunter2-hunter2-hunter2-hunter2";

    fn settings(secret: &'static str, more: &str) -> Settings {
        Settings::build(&[crate::DEFAULTS, more], &crate::SHORT_NAMES, |name| {
            (name == "SIMWARD_KEY_SECRET").then(|| secret.to_owned())
        })
        .unwrap()
    }

    #[test]
    fn a_short_secret_is_refused_by_name() {
        let error = GatewayConfig::from_settings(&settings("short", "")).unwrap_err();
        assert!(error.to_string().contains("SIMWARD_KEY_SECRET"), "{error}");
    }

    #[test]
    fn the_secret_does_not_print() {
        let config = GatewayConfig::from_settings(&settings(SECRET, "")).unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
        assert_eq!(config.listen.body_limit_bytes, 64 * 1024);
    }

    #[test]
    fn a_key_that_is_no_setting_is_refused_by_name() {
        let misspelt = settings(SECRET, "[gateway]\nlive_stream = 5");
        let error = GatewayConfig::from_settings(&misspelt).unwrap_err();
        assert!(error.to_string().contains("gateway.live_stream "), "{error}");
    }

    #[test]
    fn a_number_may_be_given_as_text() {
        let environment = settings(SECRET, "[gateway]\nlive_streams = \"5\"\nhead_timeout_ms = \"0\"");
        let error = GatewayConfig::from_settings(&environment)
            .unwrap_err()
            .to_string();
        assert!(error.contains("gateway.head_timeout_ms must not be 0"), "{error}");
    }

    #[test]
    fn origins_are_a_list_with_commas_and_anything_else_is_refused_by_name() {
        let mut config = GatewayConfig::from_settings(&settings(SECRET, "")).unwrap();
        assert_eq!(cors_origins(&config.listen.cors_origins).count(), 0);
        config.listen.cors_origins = "https://a.example.com, http://localhost:3000,*".to_owned();
        config.check().unwrap();
        let origins: Vec<&str> = cors_origins(&config.listen.cors_origins).collect();
        assert_eq!(origins, ["https://a.example.com", "http://localhost:3000", "*"]);
        for bad in [
            "a.example.com",
            "https://a.example.com/",
            "https://A.example.com",
            "null",
        ] {
            config.listen.cors_origins = bad.to_owned();
            let error = config.check().unwrap_err().to_string();
            assert!(error.contains(bad), "{error}");
        }
    }
}
