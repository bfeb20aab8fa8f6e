//! Short messages: accepted, delivered when the SIM is attached, kept for seven days (FACTS §11).

use super::Account;
use super::delta::{Message, Service, SmsState};
use super::tasks::Task;
use super::view::View;
use crate::clock::Millis;
use crate::config::{Mode, Settings};
use crate::dates::{DAY, day_of};
use crate::fleet::SimIndex;
use crate::fleet::seeded::Connectivity;

/// How long messages and events can be read.
pub const KEPT: Millis = 7 * DAY;
/// Ids of recorded messages have 18 digits and do not fit into a JavaScript number.
const LONG_IDS: i64 = 550_000_000_000_000_000;
const SHORT_IDS: i64 = 600_000_000;
const SEEDED_IDS: i64 = 1_000_000_000_000;

/// What the caller of `POST …/sms` decides.
#[derive(Debug, Clone, Default)]
pub struct Outgoing {
    pub payload: String,
    pub udh: Option<String>,
    pub dcs: i64,
    pub source_address: Option<String>,
    pub source_type: Option<i64>,
    pub expires: Option<Millis>,
}

impl Account {
    /// Stores a message and forgets those that nobody can read, that count for no month and that are settled.
    fn keep_message(&mut self, sim: SimIndex, message: Message, at: Millis) {
        let month = crate::dates::month_start(day_of(at)) * DAY;
        let oldest = month.min(at - KEPT);
        let messages = &mut self.delta(sim).messages;
        messages.retain(|m| m.submitted >= oldest || m.state(at) == SmsState::Pending);
        messages.push(message);
    }

    /// Accepts a message to the device and returns its id.
    pub fn send_sms(&mut self, sim: SimIndex, sms: Outgoing, at: Millis, settings: &Settings) -> i64 {
        let base = if settings.mode == Mode::Recorded {
            LONG_IDS
        } else {
            SHORT_IDS
        };
        let id = base + self.new_id() as i64;
        let view = self.view(sim, at);
        let no_quota = view.quota(Service::Sms).left <= 0;
        let attached = view.connectivity() != Connectivity::Offline;
        let final_at = match (no_quota, attached) {
            (true, _) => Some(at),
            (false, true) => Some(at + settings.sms_delivery_seconds * 1000),
            (false, false) => None,
        };
        let message = Message {
            id,
            mo: false,
            submitted: at,
            expires: sms.expires.unwrap_or(at + DAY),
            final_at,
            fails: self.delta(sim).sms_fails || no_quota,
            payload: sms.payload,
            udh: sms.udh,
            dcs: sms.dcs,
            source_address: sms.source_address.unwrap_or_default(),
            source_type: sms.source_type,
        };
        self.keep_message(sim, message, at);
        if let Some(due) = final_at {
            self.queue(due, Task::SmsFinal(sim, id));
        }
        id
    }

    /// The device sends a message: it counts at once.
    pub fn receive_sms(&mut self, sim: SimIndex, payload: String, source: Option<String>, at: Millis) -> i64 {
        let id = SHORT_IDS + self.new_id() as i64;
        let source_address = source.unwrap_or_else(|| crate::fleet::seeded::msisdn(sim));
        let message = Message {
            id,
            mo: true,
            submitted: at,
            expires: at + DAY,
            final_at: Some(at),
            fails: false,
            payload,
            udh: None,
            dcs: 0,
            source_address,
            source_type: Some(145),
        };
        self.keep_message(sim, message, at);
        self.delta(sim).mo_by_day.entry(day_of(at)).or_default().push(at);
        self.spend_sms(sim, at);
        id
    }

    fn spend_sms(&mut self, sim: SimIndex, at: Millis) {
        let left = self.view(sim, at).quota(Service::Sms).left;
        self.set_left(sim, Service::Sms, (left - 1_000_000).max(0), at);
    }

    /// Only delivered messages are billed.
    pub(super) fn settle_message(&mut self, sim: SimIndex, id: i64, at: Millis) {
        let delivered = |m: &&Message| m.id == id && m.state(at) == SmsState::Delivered;
        if !self.delta(sim).messages.iter().any(|m| delivered(&m)) {
            return;
        }
        self.delta(sim).mt_by_day.entry(day_of(at)).or_default().push(at);
        self.spend_sms(sim, at);
    }

    /// Takes a buffered message back; false when it is not (or no longer) buffered.
    pub fn cancel_sms(&mut self, sim: SimIndex, id: i64, at: Millis) -> bool {
        let messages = &mut self.delta(sim).messages;
        let before = messages.len();
        messages.retain(|m| m.id != id || m.mo || m.state(at) != SmsState::Pending);
        before != messages.len()
    }
}

impl View<'_> {
    /// Messages of the last seven days, newest first: stored ones and those the seed makes the device send.
    pub fn messages(&self) -> Vec<Message> {
        let oldest = self.now - KEPT;
        let stored = self.delta.map_or(&[][..], |d| d.messages.as_slice());
        let mut all: Vec<Message> = stored.iter().filter(|m| m.submitted > oldest).cloned().collect();
        let today = day_of(self.now);
        for day in today - 7..=today {
            let sent = self.day(day).seeded_mo;
            if let Some(submitted) = sent.filter(|at| *at > oldest && *at <= self.now) {
                all.push(self.seeded_mo(day, submitted));
            }
        }
        all.sort_by_key(|m| std::cmp::Reverse((m.submitted, m.id)));
        all
    }

    fn seeded_mo(&self, day: i64, submitted: Millis) -> Message {
        Message {
            id: SEEDED_IDS + i64::from(self.sim) * 100_000 + day,
            mo: true,
            submitted,
            expires: submitted + DAY,
            final_at: Some(submitted + 1000),
            fails: false,
            payload: format!("level={}", self.seeded.hash(self.sim, 31 + day as u64) % 100),
            udh: None,
            dcs: 0,
            source_address: crate::fleet::seeded::msisdn(self.sim),
            source_type: Some(145),
        }
    }

    /// Messages sent to the device this month, waiting ones included; failed and expired ones are not billed.
    pub fn mt_this_month(&self) -> i64 {
        let month = crate::dates::month_start(day_of(self.now)) * DAY;
        let counts = |m: &&Message| {
            !m.mo
                && m.submitted >= month
                && matches!(m.state(self.now), SmsState::Pending | SmsState::Delivered)
        };
        self.delta
            .map_or(0, |d| d.messages.iter().filter(counts).count() as i64)
    }
}
