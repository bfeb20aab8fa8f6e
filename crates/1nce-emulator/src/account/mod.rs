//! One customer at 1NCE: its fleet, what was changed, its orders and cases, and the work still queued.

pub mod changes;
pub mod delta;
pub mod event_types;
pub mod events;
pub mod messages;
pub mod orders;
pub mod tasks;
pub mod view;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::clock::Millis;
use crate::config::Settings;
use crate::dates::day_of;
use crate::fleet::seeded::{self, Seeded};
use crate::fleet::{Fleet, SimIndex};
use delta::Delta;
use orders::{Case, Order};
use tasks::Task;
use view::View;

/// Monthly limits an organisation set for all its SIMs: ids into the step lists (FACTS §10).
#[derive(Debug, Clone, Copy, Default)]
pub struct Limits {
    pub data: Option<i64>,
    pub sms_mt: Option<i64>,
    pub sms_mo: Option<i64>,
}

/// A customer.
#[derive(Debug)]
pub struct Account {
    /// Its first API user.
    pub client_id: String,
    /// The account number.
    pub organisation: u64,
    pub fleet: Fleet,
    pub orders: BTreeMap<u64, Order>,
    pub cases: Vec<Case>,
    pub limits: Limits,
    /// SIMs that left, and until when lists still show them.
    lingering: Vec<(SimIndex, Millis)>,
    /// SIMs 1NCE tops up by itself.
    pub auto_topup: BTreeSet<SimIndex>,
    /// Bulk updates and resets carried out so far.
    pub carried_out: u64,
    seeded: Seeded,
    born_day: i64,
    deltas: HashMap<SimIndex, Delta>,
    tasks: BTreeMap<(Millis, u64), Task>,
    last_tick: Millis,
    next_id: u64,
    sorted: Option<(String, u64, u64, Vec<SimIndex>)>,
    /// Rises when an IMEI or address changes, so that a cached order is not used any more.
    keys_revision: u64,
}

impl Account {
    /// Customer number `slot` with `size` seeded SIMs.
    pub fn new(slot: u32, organisation: u64, client_id: &str, size: u32, seed: u64, now: Millis) -> Self {
        let mut account = Self {
            client_id: client_id.to_owned(),
            organisation,
            fleet: Fleet::new(slot, size),
            orders: BTreeMap::new(),
            cases: Vec::new(),
            limits: Limits::default(),
            lingering: Vec::new(),
            auto_topup: BTreeSet::new(),
            carried_out: 0,
            seeded: Seeded { seed },
            born_day: day_of(now),
            deltas: HashMap::new(),
            tasks: BTreeMap::new(),
            last_tick: now,
            next_id: 0,
            sorted: None,
            keys_revision: 0,
        };
        account.place_first_order(size, now);
        account
    }

    /// The SIM now. The caller has checked that it belongs to the fleet.
    pub fn view(&self, sim: SimIndex, now: Millis) -> View<'_> {
        View {
            sim,
            seeded: self.seeded,
            delta: self.deltas.get(&sim),
            now,
            born_day: self.born_day,
        }
    }

    /// The live SIM with this 19-digit ICCID.
    pub fn find(&self, iccid: &str) -> Option<SimIndex> {
        seeded::sim_of(iccid).filter(|sim| self.fleet.contains(*sim))
    }

    /// Number of SIMs that differ from the seed.
    pub fn changed_sims(&self) -> usize {
        self.deltas.len()
    }

    /// Number of changes accepted and not yet carried out.
    pub fn queued(&self) -> usize {
        self.tasks.len()
    }

    fn delta(&mut self, sim: SimIndex) -> &mut Delta {
        self.deltas.entry(sim).or_default()
    }

    fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Candidates for a filter by device: the seeded owner of that IMEI and all SIMs whose device changed.
    pub fn with_imei(&self, imei: &str, now: Millis) -> Vec<SimIndex> {
        let seeded = imei.get(2..14).and_then(|digits| digits.parse().ok());
        self.matching(seeded, |sim| self.view(sim, now).imei().as_deref() == Some(imei))
    }

    /// SIMs with this address.
    pub fn with_ip_address(&self, address: &str, now: Millis) -> Vec<SimIndex> {
        let parts: Vec<u32> = address.split('.').filter_map(|part| part.parse().ok()).collect();
        let local = match parts.as_slice() {
            [100, b, c, d] if *b >= 64 && *b < 128 && *c < 256 && *d < 256 => {
                Some((b - 64) << 16 | c << 8 | d)
            }
            _ => None,
        };
        let slot_start = self.fleet.slot_start();
        let seeded = local.and_then(|n| slot_start.checked_add(n));
        self.matching(seeded, |sim| self.view(sim, now).ip_address() == address)
    }

    fn matching(&self, seeded: Option<SimIndex>, fits: impl Fn(SimIndex) -> bool) -> Vec<SimIndex> {
        let mut found: BTreeSet<SimIndex> = self.deltas.keys().copied().chain(seeded).collect();
        found.extend(self.fleet.guests());
        found
            .into_iter()
            .filter(|sim| self.fleet.contains(*sim) && fits(*sim))
            .collect()
    }

    /// The fleet sorted by `imei` and/or `ip_address` (comma list, `-` = descending); kept until something changes.
    pub fn sorted(&mut self, sort: &str, now: Millis) -> &[SimIndex] {
        let (revision, keys) = (self.fleet.revision(), self.keys_revision);
        let fresh = |c: &(String, u64, u64, Vec<SimIndex>)| c.0 == sort && c.1 == revision && c.2 == keys;
        if !self.sorted.as_ref().is_some_and(fresh) {
            let mut order = self.fleet.order().to_vec();
            for field in sort.split(',').rev() {
                let (name, descending) = match field.trim().strip_prefix('-') {
                    Some(name) => (name, true),
                    None => (field.trim(), false),
                };
                let key = |sim: &SimIndex| match name {
                    "imei" => self.view(*sim, now).imei().unwrap_or_default(),
                    "ip_address" => padded(&self.view(*sim, now).ip_address()),
                    _ => String::new(),
                };
                if descending {
                    order.sort_by_cached_key(|sim| Reverse(key(sim)));
                } else {
                    order.sort_by_cached_key(key);
                }
            }
            self.sorted = Some((sort.to_owned(), revision, keys, order));
        }
        self.sorted
            .as_ref()
            .map_or(&[], |(_, _, _, order)| order.as_slice())
    }

    /// Adds SIMs that the portal or an order brought; returns their ICCIDs.
    pub fn add_sims(&mut self, count: u32, position: Option<usize>) -> Vec<String> {
        self.fleet
            .add(count, position)
            .into_iter()
            .map(seeded::iccid)
            .collect()
    }

    /// Takes a SIM over from another customer: it keeps its history, and the messages on their way to it, and
    /// gets another address.
    pub fn adopt(&mut self, sim: SimIndex, delta: Option<Delta>, at: Millis) {
        self.fleet.adopt(sim);
        let mut delta = delta.unwrap_or_default();
        for message in &delta.messages {
            if let Some(due) = message.final_at.filter(|due| *due > at && !message.mo) {
                self.queue(due, Task::SmsFinal(sim, message.id));
            }
        }
        let own = self.fleet.slot_start() + seeded::SLOT_SIZE - 1 - (self.new_id() as u32 % 1_000_000);
        delta.ip_address = Some(seeded::ip_address(own));
        self.deltas.insert(sim, delta);
        self.keys_revision += 1;
    }

    /// Takes a SIM out of the fleet and hands over what was changed on it.
    pub fn give_up(&mut self, sim: SimIndex) -> Option<Delta> {
        self.fleet.remove(sim);
        self.tasks
            .retain(|_, task| !matches!(task, Task::SmsFinal(other, _) if *other == sim));
        self.auto_topup.remove(&sim);
        self.keys_revision += 1;
        self.deltas.remove(&sim)
    }

    /// Lets lists show a SIM that left, as it was, until a moment.
    pub fn linger(&mut self, sim: SimIndex, delta: Option<&Delta>, until: Millis) {
        self.lingering.push((sim, until));
        self.deltas.extend(delta.map(|delta| (sim, delta.clone())));
    }

    /// SIMs that left and that lists still show.
    pub fn lingering(&self) -> impl Iterator<Item = SimIndex> + '_ {
        self.lingering.iter().map(|(sim, _)| *sim)
    }

    fn forget_departed(&mut self, now: Millis) {
        let fleet = &self.fleet;
        let deltas = &mut self.deltas;
        self.lingering.retain(|(sim, until)| {
            let back = fleet.contains(*sim);
            if !back && *until <= now {
                deltas.remove(sim);
            }
            !back && *until > now
        });
    }

    /// Queues a task on the domain clock.
    pub fn queue(&mut self, due: Millis, task: Task) {
        let id = self.new_id();
        self.tasks.insert((due, id), task);
    }

    /// Carries out everything due, each at the time it was due.
    pub fn settle(&mut self, now: Millis, settings: &Settings) {
        self.forget_departed(now);
        self.run_auto_topups(now, settings);
        self.run_tasks(now, settings);
    }
}

/// The account number a client id starts with (FACTS §2).
pub fn account_number(client_id: &str) -> Option<u64> {
    let end = client_id.find(|c: char| !c.is_ascii_digit());
    client_id[..end.unwrap_or(client_id.len())].parse().ok()
}

/// An address in a spelling that sorts by number.
fn padded(address: &str) -> String {
    address.split('.').map(|part| format!("{part:0>3}")).collect()
}
