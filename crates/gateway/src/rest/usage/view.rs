//! Usage as REST shows it: volumes in bytes, days as `YYYY-MM-DD`.

use std::collections::BTreeMap;

use domain::{Granularity, Iccid, UsageSource};
use messages::pb::usage as pb;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::params::{
    GranularityWord, Period, SimUsageParams, TopByWord, TopUsageParams, UsageGroupByWord, UsageSummaryParams,
    tag_text,
};
use crate::rest::frame::Example;
use crate::rest::frame::fields::words_of;

words_of! {
    /// Where numbers come from: `api` are 1NCE's daily ones, where the stream brought less.
    pub type UsageSourceWord = UsageSource as "UsageSource"
}

/// First and last day, both included.
#[derive(Debug, Serialize, ToSchema)]
pub struct PeriodView {
    #[schema(format = Date)]
    start: String,
    #[schema(format = Date)]
    end: String,
}

impl From<Period> for PeriodView {
    fn from(period: Period) -> Self {
        Self {
            start: period.start.to_string(),
            end: period.end.to_string(),
        }
    }
}

/// One hour, day, week or month.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct UsageEntryView {
    /// When it begins: a day, or an hour with its offset.
    date: String,
    volume_rx: u64,
    volume_tx: u64,
    total_volume: u64,
    sms_mo: u32,
    sms_mt: u32,
    /// PDP sessions; on platform 1.0, which does not name them, records of data.
    session_count: u32,
    #[schema(value_type = UsageSourceWord)]
    source: String,
}

/// All of it together.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct UsageSumView {
    total_volume: u64,
    total_volume_rx: u64,
    total_volume_tx: u64,
    total_sms_mo: u64,
    total_sms_mt: u64,
    /// Over every day of the period.
    average_daily_volume: u64,
    /// The largest of the shown periods, and when it began.
    peak_daily_volume: u64,
    peak_date: Option<String>,
}

/// What one SIM used.
#[derive(Debug, Serialize, ToSchema)]
pub struct SimUsageView {
    iccid: String,
    period: PeriodView,
    #[schema(value_type = GranularityWord)]
    granularity: &'static str,
    tz: String,
    /// By day every day has an entry; otherwise periods without use are left out.
    usage: Vec<UsageEntryView>,
    summary: UsageSumView,
}

impl SimUsageView {
    pub fn new(iccid: &Iccid, params: SimUsageParams, period: Period, periods: Vec<pb::UsagePeriod>) -> Self {
        let mut usage: Vec<UsageEntryView> = periods.into_iter().map(entry).collect();
        let summary = sum(&usage, period.days());
        let granularity = params.granularity.0;
        if granularity == Granularity::Daily {
            usage = every_day(period, usage);
        }
        Self {
            iccid: iccid.to_string(),
            period: period.into(),
            granularity: granularity.word(),
            tz: params.tz.0,
            usage,
            summary,
        }
    }
}

fn entry(period: pb::UsagePeriod) -> UsageEntryView {
    UsageEntryView {
        date: period.start,
        volume_rx: period.rx,
        volume_tx: period.tx,
        total_volume: period.total,
        sms_mo: period.sms_mo,
        sms_mt: period.sms_mt,
        session_count: period.sessions,
        source: period.source,
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
            entry(pb::UsagePeriod {
                start: date,
                source: UsageSource::None.word().to_owned(),
                ..pb::UsagePeriod::default()
            })
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

/// A part of the fleet's usage.
#[derive(Debug, Serialize, ToSchema)]
pub struct UsageGroupView {
    /// The day, the MCC, 1NCE's id of the operator or the RAT, or the tag; empty for what 1NCE does not break down.
    key: String,
    /// In words.
    name: String,
    volume_rx: u64,
    volume_tx: u64,
    total_volume: u64,
    sms_mo: u64,
    sms_mt: u64,
    /// SIMs with use, where they were counted.
    sims: Option<u64>,
}

impl From<pb::UsageGroup> for UsageGroupView {
    fn from(group: pb::UsageGroup) -> Self {
        Self {
            key: group.key,
            name: group.name,
            volume_rx: group.rx,
            volume_tx: group.tx,
            total_volume: group.total,
            sms_mo: group.sms_mo,
            sms_mt: group.sms_mt,
            sims: (group.sims > 0).then_some(group.sims),
        }
    }
}

/// What the fleet used.
#[derive(Debug, Serialize, ToSchema)]
pub struct UsageSummaryView {
    period: PeriodView,
    #[schema(value_type = Option<UsageGroupByWord>)]
    group_by: Option<&'static str>,
    tag: Option<String>,
    sum: UsageGroupView,
    /// Days in their order, others with the largest volume first; at most 1,000.
    groups: Vec<UsageGroupView>,
    /// There are more groups.
    groups_are_cut: bool,
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
            group_by: params.group_by.map(|group_by| group_by.0.word()),
            tag: Some(tag_text(&params.tag)).filter(|tag| !tag.is_empty()),
            sum: sum.into(),
            groups: answer.groups.into_iter().map(Into::into).collect(),
            groups_are_cut: answer.groups_are_cut,
        }
    }
}

/// One of the SIMs that use most.
#[derive(Debug, Serialize, ToSchema)]
pub struct TopSimView {
    iccid: String,
    volume_rx: u64,
    volume_tx: u64,
    total_volume: u64,
    sms_mo: u64,
    sms_mt: u64,
}

/// The SIMs that use most.
#[derive(Debug, Serialize, ToSchema)]
pub struct TopUsageView {
    period: PeriodView,
    #[schema(value_type = TopByWord)]
    by: &'static str,
    sims: Vec<TopSimView>,
}

impl TopUsageView {
    pub fn new(params: &TopUsageParams, period: Period, sims: Vec<pb::TopSim>) -> Self {
        let sims = sims.into_iter().map(|sim| TopSimView {
            iccid: sim.iccid,
            volume_rx: sim.rx,
            volume_tx: sim.tx,
            total_volume: sim.total,
            sms_mo: sim.sms_mo,
            sms_mt: sim.sms_mt,
        });
        Self {
            period: period.into(),
            by: params.by.0.word(),
            sims: sims.collect(),
        }
    }
}

impl Example for SimUsageView {
    fn example() -> Value {
        json!({
            "iccid": "8988999000000000017", "period": { "start": "2026-06-30", "end": "2026-06-30" },
            "granularity": "daily", "tz": "UTC",
            "usage": [{
                "date": "2026-06-30", "volume_rx": 52429, "volume_tx": 209715, "total_volume": 262144, "sms_mo": 1,
                "sms_mt": 0, "session_count": 4, "source": "stream",
            }],
            "summary": {
                "total_volume": 262144, "total_volume_rx": 52429, "total_volume_tx": 209715, "total_sms_mo": 1,
                "total_sms_mt": 0, "average_daily_volume": 262144, "peak_daily_volume": 262144,
                "peak_date": "2026-06-30",
            },
        })
    }
}

impl Example for UsageSummaryView {
    fn example() -> Value {
        let group = |key: &str, name: &str| {
            json!({
                "key": key, "name": name, "volume_rx": 52429000, "volume_tx": 209715000, "total_volume": 262144000,
                "sms_mo": 17, "sms_mt": 4, "sims": null,
            })
        };
        json!({
            "period": period(), "group_by": "country", "tag": null, "sum": group("", "all"),
            "groups": [group("262", "Germany")], "groups_are_cut": false,
        })
    }
}

impl Example for TopUsageView {
    fn example() -> Value {
        let sim = json!({
            "iccid": "8988999000000000017", "volume_rx": 52429, "volume_tx": 209715, "total_volume": 262144,
            "sms_mo": 1, "sms_mt": 0,
        });
        json!({ "period": period(), "by": "total", "sims": [sim] })
    }
}

fn period() -> Value {
    json!({ "start": "2026-06-24", "end": "2026-06-30" })
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
        assert_eq!(daily.usage[0].source, "none");
        assert_eq!(daily.summary.average_daily_volume, 125);
        assert_eq!(daily.summary.peak_date.as_deref(), Some("2026-02-28"));
        assert_eq!(view(Granularity::Weekly, periods).usage.len(), 2);
    }
}
