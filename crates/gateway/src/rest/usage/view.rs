//! Usage as REST shows it: volumes in bytes, days as `YYYY-MM-DD`.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use domain::{Granularity, Iccid, TopBy, UsageGroupBy, UsageSource};
use messages::pb::usage as pb;
use serde_json::{Value, json};

use super::params::{Period, SimUsageParams, TopUsageParams, UsageSummaryParams, tag_text};
use crate::rest::frame::fields::{Word, words_of};
use crate::rest::frame::view::{Of, Told};
use crate::rest::frame::{Example, view};

words_of! {
    /// Where numbers come from: `api` are 1NCE's daily ones, where the stream brought less.
    UsageSource as "UsageSource"
}

view! {
    /// First and last day, both included.
    pub struct PeriodView from Period as period {
        start: NaiveDate = "2026-06-24",
        end: NaiveDate = "2026-06-30",
    }
}

view! {
    /// One hour, day, week or month.
    pub struct UsageEntryView from pb::UsagePeriod as period {
        /// When it begins: a day, or an hour with its offset.
        date: String = "2026-06-30" => period.start,
        volume_rx: u64 = 52_429 => period.rx,
        volume_tx: u64 = 209_715 => period.tx,
        total_volume: u64 = 262_144 => period.total,
        sms_mo: u32 = 1,
        sms_mt: u32,
        /// PDP sessions; on platform 1.0, which does not name them, records of data.
        session_count: u32 = 4 => period.sessions,
        source: Told<UsageSource> = "stream",
    }
}

view! {
    /// All of it together.
    #[derive(Default)]
    pub struct UsageSumView {
        total_volume: u64 = 262_144,
        total_volume_rx: u64 = 52_429,
        total_volume_tx: u64 = 209_715,
        total_sms_mo: u64 = 1,
        total_sms_mt: u64,
        /// Over every day of the period.
        average_daily_volume: u64 = 262_144,
        /// The largest of the shown periods, and when it began.
        peak_daily_volume: u64 = 262_144,
        peak_date: Option<String> = "2026-06-30",
    }
}

view! {
    /// What one SIM used.
    pub struct SimUsageView {
        iccid: String = "8988999000000000017",
        period: PeriodView = json!({ "start": "2026-06-30", "end": "2026-06-30" }),
        granularity: Word<Granularity> = "daily",
        tz: String = "UTC",
        /// By day every day has an entry; otherwise periods without use are left out.
        usage: Vec<UsageEntryView>,
        summary: UsageSumView,
    }
}

impl SimUsageView {
    pub fn new(iccid: &Iccid, params: SimUsageParams, period: Period, periods: Vec<pb::UsagePeriod>) -> Self {
        let mut usage: Vec<UsageEntryView> = periods.into_iter().map(Into::into).collect();
        let summary = sum(&usage, period.days());
        let granularity = params.granularity.0;
        if granularity == Granularity::Daily {
            usage = every_day(period, usage);
        }
        Self {
            iccid: iccid.to_string(),
            period: period.into(),
            granularity: Word(granularity),
            tz: params.tz.0,
            usage,
            summary,
        }
    }
}

fn every_day(period: Period, usage: Vec<UsageEntryView>) -> Vec<UsageEntryView> {
    let mut known: BTreeMap<String, UsageEntryView> = usage
        .into_iter()
        .map(|entry| (entry.date.clone(), entry))
        .collect();
    let days = period.start.iter_days().take_while(|day| *day <= period.end);
    days.map(|day| {
        let date = day.to_string();
        known.remove(&date).unwrap_or_else(|| {
            let source = UsageSource::None.word().to_owned();
            let nothing = pb::UsagePeriod {
                start: date,
                source,
                ..pb::UsagePeriod::default()
            };
            nothing.into()
        })
    })
    .collect()
}

fn sum(usage: &[UsageEntryView], days: u64) -> UsageSumView {
    let mut sum = UsageSumView::default();
    for entry in usage {
        sum.total_volume += entry.total_volume;
        sum.total_volume_rx += entry.volume_rx;
        sum.total_volume_tx += entry.volume_tx;
        sum.total_sms_mo += u64::from(entry.sms_mo);
        sum.total_sms_mt += u64::from(entry.sms_mt);
        if entry.total_volume > sum.peak_daily_volume {
            sum.peak_daily_volume = entry.total_volume;
            sum.peak_date = Some(entry.date.clone());
        }
    }
    sum.average_daily_volume = sum.total_volume / days.max(1);
    sum
}

view! {
    /// A part of the fleet's usage.
    pub struct UsageGroupView from pb::UsageGroup as group {
        /// The day, the MCC, 1NCE's id of the operator or the RAT, or the tag; empty for what 1NCE does not break down.
        key: String = "262",
        /// In words.
        name: String = "Germany",
        volume_rx: u64 = 52_429_000 => group.rx,
        volume_tx: u64 = 209_715_000 => group.tx,
        total_volume: u64 = 262_144_000 => group.total,
        sms_mo: u64 = 17,
        sms_mt: u64 = 4,
        /// SIMs with use, where they were counted.
        sims: Option<u64> => (group.sims > 0).then_some(group.sims),
    }
}

fn all_groups() -> Value {
    let mut sum = UsageGroupView::example();
    sum["key"] = json!("");
    sum["name"] = json!("all");
    sum
}

view! {
    /// What the fleet used.
    pub struct UsageSummaryView {
        period: PeriodView,
        group_by: Option<Word<UsageGroupBy>> = "country",
        tag: Option<String>,
        sum: UsageGroupView = all_groups(),
        /// Days in their order, others with the largest volume first; at most 1,000.
        groups: Vec<UsageGroupView>,
        /// There are more groups.
        groups_are_cut: bool,
    }
}

impl UsageSummaryView {
    pub fn new(
        params: &UsageSummaryParams,
        period: Period,
        sum: pb::UsageGroup,
        answer: pb::UsageSummaryResponse,
    ) -> Self {
        Self {
            period: period.into(),
            group_by: params.group_by,
            tag: Some(tag_text(&params.tag)).filter(|tag| !tag.is_empty()),
            sum: sum.into(),
            groups: answer.groups.into_iter().map(Into::into).collect(),
            groups_are_cut: answer.groups_are_cut,
        }
    }
}

view! {
    /// One of the SIMs that use most.
    pub struct TopSimView from pb::TopSim as sim {
        iccid: String = "8988999000000000017",
        volume_rx: u64 = 52_429 => sim.rx,
        volume_tx: u64 = 209_715 => sim.tx,
        total_volume: u64 = 262_144 => sim.total,
        sms_mo: u64 = 1,
        sms_mt: u64,
    }
}

view! {
    /// The SIMs that use most.
    pub struct TopUsageView {
        period: PeriodView,
        by: Word<TopBy> = "total",
        sims: Vec<TopSimView>,
    }
}

impl TopUsageView {
    pub fn new(params: &TopUsageParams, period: Period, sims: Vec<pb::TopSim>) -> Self {
        Self {
            period: period.into(),
            by: Word(params.by.0),
            sims: Vec::of(sims),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rest::frame::fields::{Day, Field, WordOr};
    use crate::rest::usage::params::TimeZone;

    fn view(granularity: Granularity, periods: Vec<pb::UsagePeriod>) -> SimUsageView {
        let day = |text| Some(Day::parse(text).unwrap());
        let params = SimUsageParams {
            start_date: day("2026-02-27"),
            end_date: day("2026-03-02"),
            granularity: WordOr(granularity),
            tz: TimeZone("UTC".to_owned()),
        };
        let iccid = Iccid::parse("8988999000000000017").unwrap();
        let period = params.period().unwrap();
        SimUsageView::new(&iccid, params, period, periods)
    }

    fn used(start: &str, total: u64) -> pb::UsagePeriod {
        pb::UsagePeriod {
            start: start.to_owned(),
            total,
            rx: total / 4,
            tx: total - total / 4,
            source: "stream".to_owned(),
            ..pb::UsagePeriod::default()
        }
    }

    #[test]
    fn every_day_has_an_entry_and_the_summary_counts_days_without_use() {
        let periods = vec![used("2026-02-28", 400), used("2026-03-02", 100)];

        let daily = view(Granularity::Daily, periods.clone());

        let dates: Vec<_> = daily
            .usage
            .iter()
            .map(|entry| (entry.date.as_str(), entry.total_volume))
            .collect();
        assert_eq!(
            dates,
            [
                ("2026-02-27", 0),
                ("2026-02-28", 400),
                ("2026-03-01", 0),
                ("2026-03-02", 100)
            ]
        );
        assert_eq!(daily.usage[0].source.to_string(), "none");
        assert_eq!(daily.summary.average_daily_volume, 125);
        assert_eq!(daily.summary.peak_date.as_deref(), Some("2026-02-28"));
        assert_eq!(view(Granularity::Weekly, periods).usage.len(), 2);
    }
}
