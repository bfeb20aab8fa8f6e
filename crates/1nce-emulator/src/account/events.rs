//! Events of the last seven days: seeded traffic and what changes left behind (FACTS §12, §15.3).

use super::delta::{EventQuota, Service, StoredEvent};
use super::event_types::{REFUSED_SESSION, Traits, traits};
use super::messages::KEPT;
use super::view::{View, level};
use crate::clock::Millis;
use crate::dates::{DAY, day_of};

/// From midnight to the events of quotas passed on that day.
const CROSSING: Millis = 600_000;
/// From the attach to the end of the session.
const SESSION: Millis = 1_200_000;

/// What an event tells besides its text.
#[derive(Debug, Clone)]
pub enum Detail {
    None,
    Location,
    /// Volume in millionths of a MB, known when a session ends.
    Session(Option<i64>),
    Quota(EventQuota),
}

/// An event as both API generations can show it.
#[derive(Debug, Clone)]
pub struct Event {
    pub id: i64,
    pub at: Millis,
    pub kind: u32,
    pub text: String,
    pub detail: Detail,
}

impl From<StoredEvent> for Event {
    fn from(event: StoredEvent) -> Self {
        Self {
            id: event.id,
            at: event.at,
            kind: event.kind,
            text: event.text,
            detail: event.quota.map_or(Detail::None, Detail::Quota),
        }
    }
}

impl Event {
    /// What its type says; a session that was refused has no details, one that was accepted has.
    pub fn traits(&self) -> Traits {
        match (self.kind, &self.detail) {
            (3, Detail::None) => REFUSED_SESSION,
            (kind, _) => traits(kind),
        }
    }
}

impl View<'_> {
    /// Events of the last seven days, newest first.
    pub fn events(&self) -> Vec<Event> {
        let mut all = self.events_between(self.now - KEPT, self.now);
        all.sort_by_key(|event| std::cmp::Reverse((event.at, event.id)));
        all
    }

    /// Events after `from` and at or before `until`, in no particular order. Stored ones are kept for seven days.
    pub fn events_between(&self, from: Millis, until: Millis) -> Vec<Event> {
        let stored = self.delta.map_or(&[][..], |d| d.events.as_slice());
        let mut all: Vec<Event> = stored.iter().cloned().map(Event::from).collect();
        for day in day_of(from + 1)..=day_of(until) {
            let crossing = day * DAY + CROSSING;
            if crossing > from && crossing <= until {
                all.extend(self.crossings_on(day).into_iter().map(Event::from));
            }
            let session = self.session_start(day);
            if session + SESSION > from && session <= until {
                self.traffic_of(day, session, &mut all);
            }
        }
        all.retain(|event| event.at > from && event.at <= until);
        all
    }

    /// When the SIM attaches on a day with traffic; its session is over on the same day.
    fn session_start(&self, day: i64) -> Millis {
        day * DAY + (self.seeded.hash(self.sim, 40 + day as u64) % 72_000_000) as i64
    }

    /// One attach and one session on every day with traffic.
    fn traffic_of(&self, day: i64, start: Millis, all: &mut Vec<Event>) {
        let volume = self.day(day).data;
        if volume == 0 {
            return;
        }
        let operator = self.seeded.operator(self.sim).name;
        let rat = self.seeded.rat(self.sim).0;
        let steps = [
            (
                1,
                0,
                format!("New location received from VLR of {operator}."),
                Detail::Location,
            ),
            (
                2,
                1000,
                format!("New location received from SGSN of {operator}, RAT {rat}."),
                Detail::Location,
            ),
            (
                3,
                2000,
                "New PDP context successfully activated.".to_owned(),
                Detail::Session(None),
            ),
            (
                5,
                SESSION,
                "PDP context deleted.".to_owned(),
                Detail::Session(Some(volume)),
            ),
        ];
        for (place, (kind, after, text, detail)) in steps.into_iter().enumerate() {
            let id = self.event_id(day, place as i64);
            all.push(Event {
                id,
                at: start + after,
                kind,
                text,
                detail,
            });
        }
    }

    /// Events 18 to 21 of the last seven days that follow from seeded use; what was used before the current
    /// bases is among the stored events.
    pub fn crossings(&self) -> Vec<StoredEvent> {
        let today = day_of(self.now);
        (today - 7..=today)
            .flat_map(|day| self.crossings_on(day))
            .collect()
    }

    fn crossings_on(&self, day: i64) -> Vec<StoredEvent> {
        let mut all = Vec::new();
        self.crossings_of(Service::Data, day, 5, &mut all);
        self.crossings_of(Service::Sms, day, 7, &mut all);
        all
    }

    /// Seeded use that passed a fifth of the quota, or its end, on this day. `place` keeps the ids of a day apart.
    fn crossings_of(&self, service: Service, day: i64, place: i64, all: &mut Vec<StoredEvent>) {
        let (base, seeded) = self.quota_base(service);
        if day <= base.day && !seeded || day <= day_of(self.activation_date()) {
            return;
        }
        let before = self.left_on(service, &base, day - 1);
        let after = self.left_on(service, &base, day);
        let (was, is) = (level(before, base.total), level(after, base.total));
        for (step, (kind, text)) in service.threshold_events().into_iter().enumerate() {
            let limit = step as u8 + 1;
            if was < limit && is >= limit {
                let quota = EventQuota {
                    service,
                    left: after,
                    total: base.total,
                    expires: self.expiry(),
                    last_added: base.last_added,
                };
                all.push(StoredEvent {
                    id: self.event_id(day, place + step as i64),
                    at: day * DAY + CROSSING,
                    kind,
                    text: text.to_owned(),
                    quota: Some(quota),
                });
            }
        }
    }

    fn event_id(&self, day: i64, place: i64) -> i64 {
        i64::from(self.sim) * 1_000_000 + day * 10 + place
    }
}
