//! What the emulator starts with (`EmulatorConfig`) and what may change while it runs (`Settings`).

mod ended;
mod latency;
mod payments;
mod settings;
mod v2;

use chrono::{DateTime, Utc};

use crate::streams::types::StreamConfig;

pub use ended::{Ended, Manner};
pub use latency::{Extra, UNEVEN};
pub use payments::{PaymentDelays, PaymentOutcome, PaymentOutcomes};
pub use settings::{DateTrap, Generation, Mode, Settings};
pub use v2::{UsageShape, V2Paths};

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
