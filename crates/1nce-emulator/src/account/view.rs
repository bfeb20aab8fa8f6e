//! One SIM as it is now: the seed, overlaid with what was changed.

use std::collections::BTreeMap;

use super::delta::{Delta, QuotaBase, Service, Shown};
use crate::clock::Millis;
use crate::dates::{DAY, day_of, months_after};
use crate::fleet::SimIndex;
use crate::fleet::seeded::{self, Connectivity, DATA_GRANT, OVERDRAFT, SMS_GRANT, Seeded};
use crate::streams::records::{Day, seeded_sms_at};

/// Lifetime of the standard product in months (FACTS §8); an extension adds as much.
pub const LIFETIME_MONTHS: u32 = 120;
/// A recorded quota expired three months after the tenth anniversary, at midnight (FACTS §8).
const FIRST_LIFETIME_MONTHS: u32 = LIFETIME_MONTHS + 3;

/// A SIM at a moment.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub sim: SimIndex,
    pub seeded: Seeded,
    pub delta: Option<&'a Delta>,
    pub now: Millis,
    /// Day of the emulator's start: seeded quotas are those of that day.
    pub born_day: i64,
}

/// A quota now; volumes in millionths.
#[derive(Debug, Clone)]
pub struct Quota {
    pub left: i64,
    pub total: i64,
    pub granted: i64,
    pub last_added: i64,
    pub changed_at: Millis,
    pub threshold_at: Option<Millis>,
    pub exceeded_at: Option<Millis>,
}

impl Quota {
    /// 0 = more than a fifth left, 1 = a fifth or less, 2 = nothing (FACTS §5).
    pub fn level(&self) -> u8 {
        level(self.left, self.total)
    }
}

/// See [`Quota::level`].
pub fn level(left: i64, total: i64) -> u8 {
    match left {
        i64::MIN..=0 => 2,
        _ if left * 5 <= total => 1,
        _ => 0,
    }
}

/// Use on one day: data in millionths of a MB, SMS as counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DayUse {
    pub data: i64,
    pub mo: i64,
    pub mt: i64,
}

impl View<'_> {
    pub fn iccid(&self) -> String {
        seeded::iccid(self.sim)
    }

    pub fn label(&self) -> Option<String> {
        match self.delta.and_then(|d| d.label.as_ref()) {
            Some(label) => label.clone(),
            None => self.seeded.label(self.sim),
        }
    }

    pub fn imei(&self) -> Option<String> {
        match self.delta.and_then(|d| d.imei.as_ref()) {
            Some(imei) => imei.clone(),
            None => self.seeded.imei(self.sim),
        }
    }

    pub fn imei_lock(&self) -> bool {
        self.delta
            .and_then(|d| d.imei_lock)
            .unwrap_or_else(|| self.seeded.imei_lock(self.sim))
    }

    pub fn enabled(&self) -> bool {
        self.delta
            .and_then(|d| d.enabled)
            .unwrap_or_else(|| self.seeded.enabled(self.sim))
    }

    /// What a reader sees whose copy is `lag_seconds` behind.
    pub fn shown(&self, lag_seconds: i64) -> Shown {
        let seen_at = self.now - lag_seconds * 1000;
        let before = self.delta.map_or(&[][..], |d| d.before.as_slice());
        let later = before.iter().find(|(changed, _)| *changed > seen_at);
        later.map(|(_, shown)| shown.clone()).unwrap_or_else(|| Shown {
            label: self.label(),
            imei_lock: self.imei_lock(),
            enabled: self.enabled(),
        })
    }

    pub fn ip_address(&self) -> String {
        self.delta
            .and_then(|d| d.ip_address.clone())
            .unwrap_or_else(|| seeded::ip_address(self.sim))
    }

    pub fn activation_date(&self) -> Millis {
        self.seeded.activation_date(self.sim)
    }

    pub fn expiry(&self) -> Millis {
        let regular = || day_of(months_after(self.activation_date(), FIRST_LIFETIME_MONTHS)) * DAY;
        self.delta.and_then(|d| d.expiry).unwrap_or_else(regular)
    }

    pub fn expired(&self) -> bool {
        self.expiry() <= self.now
    }

    /// A disabled or expired SIM is never on the network.
    pub fn connectivity(&self) -> Connectivity {
        if !self.enabled() || self.expired() {
            return Connectivity::Offline;
        }
        self.delta
            .and_then(|d| d.connectivity)
            .unwrap_or_else(|| self.seeded.connectivity(self.sim))
    }

    fn seeded_quota(&self, service: Service) -> QuotaBase {
        let (left, grant) = match service {
            Service::Data => (self.seeded.data_left(self.sim), DATA_GRANT),
            Service::Sms => (self.seeded.sms_left(self.sim), SMS_GRANT),
        };
        QuotaBase {
            left,
            day: self.born_day,
            total: grant,
            granted: grant,
            last_added: grant,
            changed_at: self.activation_date(),
            threshold_at: None,
            exceeded_at: None,
        }
    }

    /// The quota as last stored, and whether it still is the seeded one.
    pub fn quota_base(&self, service: Service) -> (QuotaBase, bool) {
        let stored = self.delta.and_then(|d| match service {
            Service::Data => d.data.clone(),
            Service::Sms => d.sms.clone(),
        });
        match stored {
            Some(base) => (base, false),
            None => (self.seeded_quota(service), true),
        }
    }

    /// Seeded use in millionths after the day of `base` up to and including `day`; negative for an earlier day.
    fn used_since(&self, service: Service, base: &QuotaBase, day: i64) -> i64 {
        if !self.enabled() {
            return 0;
        }
        let until = |day| match service {
            Service::Data => self.seeded.data_used_until(self.sim, day),
            Service::Sms => self.seeded.mo_sms_until(self.sim, day) * 1_000_000,
        };
        until(day) - until(base.day)
    }

    /// What is left of `base` at the end of `day`.
    pub fn left_on(&self, service: Service, base: &QuotaBase, day: i64) -> i64 {
        let floor = match service {
            Service::Data => -OVERDRAFT,
            Service::Sms => 0,
        };
        (base.left - self.used_since(service, base, day)).max(floor.min(base.left))
    }

    /// The quota now.
    pub fn quota(&self, service: Service) -> Quota {
        let today = day_of(self.now);
        let (base, _) = self.quota_base(service);
        let left = self.left_on(service, &base, today);
        let mut quota = Quota {
            left,
            total: base.total,
            granted: base.granted,
            last_added: base.last_added,
            changed_at: base.changed_at,
            threshold_at: base.threshold_at,
            exceeded_at: base.exceeded_at,
        };
        if quota.level() >= 1 && quota.threshold_at.is_none() {
            quota.threshold_at = Some(self.estimate(base.total / 5 - left, today));
        }
        if quota.level() == 2 && quota.exceeded_at.is_none() {
            quota.exceeded_at = Some(self.estimate(-left, today));
        }
        quota
    }

    /// About when `volume` more was left; never before the activation.
    fn estimate(&self, volume: i64, today: i64) -> Millis {
        let days = self.seeded.days_since_left(self.sim, volume, today);
        ((today - days) * DAY + 600_000).max(self.activation_date())
    }

    fn paused_on(&self, day: i64) -> bool {
        let pauses = self.delta.map_or(&[][..], |d| d.pauses.as_slice());
        let never_enabled = pauses.is_empty() && !self.seeded.enabled(self.sim);
        never_enabled
            || pauses
                .iter()
                .any(|(from, to)| day >= *from && to.is_none_or(|to| day <= to))
    }

    /// Everything the SIM uses on a day, later today included; nothing before the activation or while disabled.
    pub fn day(&self, day: i64) -> Day<'_> {
        let active = day >= day_of(self.activation_date()) && !self.paused_on(day);
        let seeded_mo = active && self.seeded.mo_sms_on(self.sim, day) > 0;
        let moments = |by_day: fn(&Delta) -> &BTreeMap<i64, Vec<Millis>>| {
            let found = self.delta.and_then(|delta| by_day(delta).get(&day));
            found.map_or(&[][..], Vec::as_slice)
        };
        Day {
            seeded: self.seeded,
            sim: self.sim,
            day,
            data: if active {
                self.seeded.data_used_on(self.sim, day)
            } else {
                0
            },
            seeded_mo: seeded_mo.then(|| seeded_sms_at(self.seeded, self.sim, day)),
            mo: moments(|delta| &delta.mo_by_day),
            mt: moments(|delta| &delta.mt_by_day),
        }
    }

    /// Use on a day: what the usage records that ended by now tell.
    pub fn usage_on(&self, day: i64) -> DayUse {
        if day > day_of(self.now) {
            return DayUse::default();
        }
        let (data, mo, mt) = self.day(day).used_until(self.now);
        DayUse { data, mo, mt }
    }

    /// Use in the calendar month so far.
    pub fn usage_this_month(&self) -> DayUse {
        let today = day_of(self.now);
        (crate::dates::month_start(today)..=today)
            .map(|day| self.usage_on(day))
            .fold(DayUse::default(), |sum, day| DayUse {
                data: sum.data + day.data,
                mo: sum.mo + day.mo,
                mt: sum.mt + day.mt,
            })
    }
}
