//! Everything one emulator holds, shared by its HTTP workers.

use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

use crate::account::{Account, account_number};
use crate::clock::{Clock, Millis};
use crate::config::{Customer, EmulatorConfig, Settings};
use crate::faults::FaultBook;
use crate::fleet::SimIndex;
use crate::journal::Journal;
use crate::limiter::Windows;
use crate::streams::Streams;
use crate::tokens::Tokens;

/// A lock that survives a panicked holder: the state is test data and better stale than gone.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// SIMs on their way from one customer to another.
#[derive(Debug)]
struct Transfer {
    due: Millis,
    from: usize,
    to: usize,
    sims: Vec<SimIndex>,
}

/// All customers.
#[derive(Debug, Default)]
pub struct Domain {
    pub accounts: Vec<Account>,
    transfers: Vec<Transfer>,
}

impl Domain {
    /// Carries out everything due, each at its own time: what the accounts had to do before a transfer, then it.
    pub fn settle(&mut self, now: Millis, settings: &Settings) {
        let (mut due, later): (Vec<_>, _) =
            self.transfers.drain(..).partition(|transfer| transfer.due <= now);
        self.transfers = later;
        due.sort_by_key(|transfer| transfer.due);
        for transfer in due {
            self.settle_accounts(transfer.due, settings);
            for sim in transfer.sims {
                if self.accounts[transfer.from].fleet.contains(sim) {
                    let from = &mut self.accounts[transfer.from];
                    let delta = from.give_up(sim);
                    from.linger(
                        sim,
                        delta.as_ref(),
                        transfer.due + settings.list_lag_seconds * 1000,
                    );
                    self.accounts[transfer.to].adopt(sim, delta, transfer.due);
                }
            }
        }
        self.settle_accounts(now, settings);
    }

    fn settle_accounts(&mut self, until: Millis, settings: &Settings) {
        for account in &mut self.accounts {
            account.settle(until, settings);
        }
    }

    /// Queues a transfer between two customers.
    pub fn transfer(&mut self, due: Millis, from: usize, to: usize, sims: Vec<SimIndex>) {
        self.transfers.push(Transfer { due, from, to, sims });
    }

    /// Whether the ICCID belongs to a customer other than `customer`.
    pub fn is_foreign(&self, customer: usize, iccid: &str) -> bool {
        self.accounts
            .iter()
            .enumerate()
            .any(|(other, account)| other != customer && account.find(iccid).is_some())
    }
}

/// An API user and the customer it belongs to.
#[derive(Debug)]
pub struct User {
    pub client_id: String,
    pub client_secret: String,
    /// Place of its customer in [`Domain::accounts`].
    pub account: usize,
    /// Key of the customer's rate window, which all its users share (FACTS §3).
    pub window: String,
}

/// The users of a configuration and their customers: one per account number (FACTS §2).
fn sign_up(config: &EmulatorConfig, now: Millis) -> (Vec<User>, Vec<Account>) {
    /// Numbers of customers whose client id has none.
    const UNNUMBERED: u64 = 999_000_000;
    let mut accounts: Vec<Account> = Vec::new();
    let mut join = |customer: &Customer| {
        let id = &customer.client_id;
        let slot = accounts.len();
        let number = account_number(id).unwrap_or(UNNUMBERED + slot as u64);
        let known = accounts.iter().position(|account| account.organisation == number);
        if known.is_none() {
            accounts.push(Account::new(
                slot as u32,
                number,
                id,
                config.fleet,
                config.seed,
                now,
            ));
        }
        User {
            client_id: id.clone(),
            client_secret: customer.client_secret.clone(),
            account: known.unwrap_or(slot),
            window: number.to_string(),
        }
    };
    let users = config.customers.iter().map(&mut join).collect();
    (users, accounts)
}

/// State of an emulator.
#[derive(Debug)]
pub struct World {
    pub started: Instant,
    pub clock: Clock,
    pub users: Vec<User>,
    pub domain: Mutex<Domain>,
    pub tokens: Mutex<Tokens>,
    pub faults: Mutex<FaultBook>,
    pub journal: Mutex<Journal>,
    /// One window per customer, for all its `/sims*` calls.
    pub customer_windows: Mutex<Windows>,
    /// One window per IP address and group.
    pub address_windows: Mutex<Windows>,
    pub streams: Mutex<Streams>,
    pub seed: u64,
    settings: RwLock<Settings>,
}

impl World {
    /// The state a configuration describes.
    pub fn new(config: &EmulatorConfig) -> Self {
        let clock = config.start.map_or_else(Clock::default, |start| {
            Clock::starting_at(start.timestamp_millis())
        });
        let now = clock.now();
        let (users, accounts) = sign_up(config, now);
        Self {
            started: Instant::now(),
            clock,
            users,
            domain: Mutex::new(Domain {
                accounts,
                transfers: Vec::new(),
            }),
            tokens: Mutex::default(),
            faults: Mutex::default(),
            journal: Mutex::default(),
            customer_windows: Mutex::default(),
            address_windows: Mutex::default(),
            streams: Mutex::default(),
            seed: config.seed,
            settings: RwLock::new(config.settings.clone()),
        }
    }

    /// The settings now.
    pub fn settings(&self) -> Settings {
        self.settings
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Replaces the settings.
    pub fn set_settings(&self, settings: Settings) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = settings;
    }

    /// The customers with everything due carried out, and the emulated moment.
    pub fn settled(&self) -> (MutexGuard<'_, Domain>, Millis) {
        let settings = self.settings();
        let mut domain = lock(&self.domain);
        let now = self.clock.now();
        domain.settle(now, &settings);
        (domain, now)
    }
}
