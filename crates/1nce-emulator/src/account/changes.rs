//! Changes to one SIM and the events they leave behind.

use super::Account;
use super::delta::{EventQuota, QuotaBase, Service, StoredEvent};
use super::messages::KEPT;
use super::tasks::Task;
use super::view::level;
use crate::clock::Millis;
use crate::config::Settings;
use crate::dates::{day_of, months_after};
use crate::fleet::SimIndex;
use crate::fleet::seeded::{Connectivity, DATA_GRANT, SMS_GRANT};

/// The fields of an update that were sent.
#[derive(Debug, Clone, Default)]
pub struct SimUpdate {
    /// `Some(None)` clears the label.
    pub label: Option<Option<String>>,
    pub imei_lock: Option<bool>,
    pub enabled: Option<bool>,
}

impl Account {
    /// Writes both quotas down as they are at `at`, so that later seeded use counts from there, and with them
    /// the events of the use before.
    fn rebase(&mut self, sim: SimIndex, at: Millis) {
        let crossings = self.view(sim, at).crossings();
        self.delta(sim).events.extend(crossings);
        for service in Service::ALL {
            let quota = self.view(sim, at).quota(service);
            let base = QuotaBase {
                left: quota.left,
                day: day_of(at),
                total: quota.total,
                granted: quota.granted,
                last_added: quota.last_added,
                changed_at: quota.changed_at,
                threshold_at: quota.threshold_at,
                exceeded_at: quota.exceeded_at,
            };
            *self.slot(sim, service) = Some(base);
        }
    }

    fn slot(&mut self, sim: SimIndex, service: Service) -> &mut Option<QuotaBase> {
        let delta = self.delta(sim);
        match service {
            Service::Data => &mut delta.data,
            Service::Sms => &mut delta.sms,
        }
    }

    /// Sets what is left of a quota, and writes the events 18 to 21 when a threshold is passed downwards.
    pub fn set_left(&mut self, sim: SimIndex, service: Service, left: i64, at: Millis) {
        self.rebase(sim, at);
        let Some(base) = self.slot(sim, service) else {
            return;
        };
        let (before, after) = (level(base.left, base.total), level(left, base.total));
        base.left = left;
        base.changed_at = at;
        base.threshold_at = base
            .threshold_at
            .filter(|_| after >= 1)
            .or((after >= 1).then_some(at));
        base.exceeded_at = base
            .exceeded_at
            .filter(|_| after == 2)
            .or((after == 2).then_some(at));
        for (limit, (kind, text)) in (1..).zip(service.threshold_events()) {
            if before < limit && after >= limit {
                self.quota_event(sim, service, kind, text.to_owned(), at);
            }
        }
    }

    /// Adds a grant to what is left, as a paid top-up does (FACTS §9).
    pub fn top_up(&mut self, sim: SimIndex, at: Millis) {
        self.rebase(sim, at);
        for (service, grant, kind, name) in [
            (Service::Data, DATA_GRANT, 56, "Data"),
            (Service::Sms, SMS_GRANT, 58, "SMS"),
        ] {
            if let Some(base) = self.slot(sim, service) {
                base.left += grant;
                base.total = base.left;
                base.granted += grant;
                base.last_added = grant;
                base.changed_at = at;
                base.threshold_at = None;
                base.exceeded_at = None;
            }
            self.quota_event(sim, service, kind, format!("{name} quota assigned."), at);
        }
    }

    /// Ten more years and a new grant on top of what is left (FACTS §5).
    pub fn extend(&mut self, sim: SimIndex, at: Millis, settings: &Settings) {
        let from = self.view(sim, at).expiry().max(at);
        self.delta(sim).expiry = Some(months_after(from, super::view::LIFETIME_MONTHS));
        self.top_up(sim, at);
        self.reattach(sim, at, settings);
    }

    fn quota_event(&mut self, sim: SimIndex, service: Service, kind: u32, text: String, at: Millis) {
        let view = self.view(sim, at);
        let quota = view.quota(service);
        let expires = view.expiry();
        let detail = EventQuota {
            service,
            left: quota.left,
            total: quota.total,
            expires,
            last_added: quota.last_added,
        };
        self.event(sim, kind, text, Some(detail), at);
    }

    /// Stores an event of the SIM.
    pub fn event(
        &mut self,
        sim: SimIndex,
        kind: u32,
        text: String,
        quota: Option<EventQuota>,
        at: Millis,
    ) -> i64 {
        const STORED: i64 = 8_000_000_000_000_000;
        let id = STORED + self.new_id() as i64;
        let events = &mut self.delta(sim).events;
        events.retain(|event| event.at > at - KEPT);
        events.push(StoredEvent {
            id,
            at,
            kind,
            text,
            quota,
        });
        id
    }

    /// Carries out an update by `PUT`, bulk `POST` or portal.
    pub fn update(&mut self, sim: SimIndex, update: &SimUpdate, at: Millis, settings: &Settings) {
        self.remember(sim, at, settings);
        if let Some(label) = &update.label {
            self.delta(sim).label = Some(label.clone());
        }
        if let Some(lock) = update.imei_lock {
            self.delta(sim).imei_lock = Some(lock);
        }
        if let Some(enabled) = update.enabled
            && enabled != self.view(sim, at).enabled()
        {
            self.switch(sim, enabled, at, settings);
        }
    }

    /// Keeps what was shown before a change for as long as some reader lags behind.
    fn remember(&mut self, sim: SimIndex, at: Millis, settings: &Settings) {
        let lag = settings.list_lag_seconds.max(settings.get_lag_seconds) * 1000;
        if lag > 0 {
            let shown = self.view(sim, at).shown(0);
            let before = &mut self.delta(sim).before;
            before.retain(|(changed, _)| *changed > at - lag);
            before.push((at, shown));
        }
    }

    fn switch(&mut self, sim: SimIndex, enabled: bool, at: Millis, settings: &Settings) {
        self.rebase(sim, at);
        let today = day_of(at);
        let delta = self.delta(sim);
        delta.enabled = Some(enabled);
        match (enabled, delta.pauses.last_mut()) {
            (true, Some(pause)) => pause.1 = Some(today),
            (true, None) => delta.pauses.push((0, Some(today))),
            (false, _) => delta.pauses.push((today + 1, None)),
        }
        let (kind, from, to) = if enabled {
            (8, "Suspended", "Activated")
        } else {
            (9, "Activated", "Suspended")
        };
        self.event(
            sim,
            kind,
            format!("Status of SIM changed from '{from}' to '{to}'"),
            None,
            at,
        );
        if enabled {
            self.reattach(sim, at, settings);
        } else {
            self.purge(sim, at);
        }
    }

    fn purge(&mut self, sim: SimIndex, at: Millis) {
        self.event(sim, 15, "Purge location".to_owned(), None, at);
        self.event(sim, 16, "Purge GPRS location".to_owned(), None, at);
    }

    /// A reset behaves as deactivating and reactivating (FACTS §5).
    pub fn reset(&mut self, sim: SimIndex, at: Millis, settings: &Settings) {
        if !self.view(sim, at).enabled() {
            return;
        }
        self.purge(sim, at);
        self.reattach(sim, at, settings);
    }

    /// Messages waiting for the SIM leave as soon as it is on the network.
    fn reattach(&mut self, sim: SimIndex, at: Millis, settings: &Settings) {
        if self.view(sim, at).connectivity() == Connectivity::Offline {
            return;
        }
        let final_at = at + settings.sms_delivery_seconds * 1000;
        let mut leaving = Vec::new();
        for message in &mut self.delta(sim).messages {
            if message.final_at.is_none() && message.expires > final_at {
                message.final_at = Some(final_at);
                leaving.push(message.id);
            }
        }
        for id in leaving {
            self.queue(final_at, Task::SmsFinal(sim, id));
        }
    }

    /// Changes what the SIM does on the network.
    pub fn set_connectivity(&mut self, sim: SimIndex, state: Connectivity, at: Millis, settings: &Settings) {
        self.delta(sim).connectivity = Some(state);
        self.reattach(sim, at, settings);
    }

    /// Puts another device, or none, around the SIM.
    pub fn set_imei(&mut self, sim: SimIndex, imei: Option<String>) {
        self.delta(sim).imei = Some(imei);
        self.keys_revision += 1;
    }

    /// Sets the end of the SIM's life; none = the regular one.
    pub fn set_expiry(&mut self, sim: SimIndex, expiry: Option<Millis>) {
        self.delta(sim).expiry = expiry;
    }

    /// Lets every change, or every reading, of the SIM fail with a status; 0 = no more.
    pub fn set_answers(&mut self, sim: SimIndex, change: Option<u16>, read: Option<u16>) {
        let delta = self.delta(sim);
        for (slot, status) in [(&mut delta.change_status, change), (&mut delta.read_status, read)] {
            if let Some(status) = status {
                *slot = Some(status).filter(|status| *status != 0);
            }
        }
    }

    /// Whether SMS to the SIM fail from now on.
    pub fn set_sms_fails(&mut self, sim: SimIndex, fails: bool) {
        self.delta(sim).sms_fails = fails;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::messages::Outgoing;
    use crate::dates::DAY;

    #[test]
    fn what_nobody_can_read_any_more_is_forgotten() {
        let start = 20_000 * DAY;
        let settings = Settings::default();
        let mut account = Account::new(0, 990_001, "990001_a", 10, 1, start);
        for week in 0..10 {
            let at = start + week * 8 * DAY;
            account.event(3, 15, "Purge location".to_owned(), None, at);
            let id = account.send_sms(3, Outgoing::default(), at, &settings);
            let waiting = |m: &&mut crate::account::delta::Message| m.id == id;
            if let Some(message) = account.delta(3).messages.iter_mut().find(waiting) {
                message.final_at = Some(at);
            }
        }
        let delta = account.delta(3);
        assert_eq!(delta.events.len(), 1);
        // Messages of the month count for its limit.
        assert!(delta.messages.len() <= 5, "{}", delta.messages.len());
    }
}
