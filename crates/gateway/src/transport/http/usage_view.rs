//! Usage as REST shows it: volumes in bytes, days as `YYYY-MM-DD`.

use std::collections::BTreeMap;

use messages::Timestamp;
use messages::pb::usage as pb;
use serde::Serialize;
use utoipa::ToSchema;

use super::usage_query::{Period, SimUsageQuery};

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
    /// `stream`, `api` (1NCE's daily numbers, where the stream brought less), `mixed` or `none`.
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
    granularity: String,
    tz: String,
    /// By day every day has an entry; otherwise periods without use are left out.
    usage: Vec<UsageEntryView>,
    summary: UsageSumView,
}

impl SimUsageView {
    pub fn new(iccid: String, query: SimUsageQuery, periods: Vec<pb::UsagePeriod>) -> Self {
        let mut usage: Vec<UsageEntryView> = periods.into_iter().map(entry).collect();
        let summary = sum(&usage, query.period.days());
        if query.granularity == "daily" {
            usage = every_day(query.period, usage);
        }
        Self {
            iccid,
            period: query.period.into(),
            granularity: query.granularity,
            tz: query.zone,
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
                source: "none".to_owned(),
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
    group_by: Option<String>,
    tag: Option<String>,
    sum: UsageGroupView,
    /// Days in their order, others with the largest volume first; at most 1,000.
    groups: Vec<UsageGroupView>,
    /// There are more groups.
    groups_are_cut: bool,
}

impl UsageSummaryView {
    pub fn new(
        query: super::usage_query::SummaryQuery,
        sum: pb::UsageGroup,
        answer: pb::UsageSummaryResponse,
    ) -> Self {
        let given = |text: String| (!text.is_empty()).then_some(text);
        Self {
            period: query.period.into(),
            group_by: given(query.group_by),
            tag: given(query.tag),
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
    by: String,
    sims: Vec<TopSimView>,
}

impl TopUsageView {
    pub fn new(query: super::usage_query::TopQuery, sims: Vec<pb::TopSim>) -> Self {
        let sims = sims.into_iter().map(|sim| TopSimView {
            iccid: sim.iccid,
            volume_rx: sim.rx,
            volume_tx: sim.tx,
            total_volume: sim.total,
            sms_mo: sim.sms_mo,
            sms_mt: sim.sms_mt,
        });
        Self {
            period: query.period.into(),
            by: query.by,
            sims: sims.collect(),
        }
    }
}

/// A closed day on which stream and API differ.
#[derive(Debug, Serialize, ToSchema)]
pub struct DayDifferenceView {
    iccid: String,
    #[schema(format = Date)]
    date: String,
    stream: DayNumbersView,
    api: DayNumbersView,
    data_records: u32,
    /// Bytes that rounding explains: Platform 2.0 bills each session in whole KB.
    tolerance: u64,
    /// When the API was read.
    #[schema(value_type = Option<String>, format = DateTime)]
    read_at: Option<Timestamp>,
    /// Which of the two counts, and what it may come from.
    explanation: String,
}

/// What one of the two told.
#[derive(Debug, Serialize, ToSchema)]
pub struct DayNumbersView {
    total_volume: u64,
    sms_mo: u32,
    sms_mt: u32,
}

impl From<pb::DayDifference> for DayDifferenceView {
    fn from(day: pb::DayDifference) -> Self {
        let explanation = explanation(&day);
        Self {
            iccid: day.iccid,
            date: day.day,
            stream: DayNumbersView {
                total_volume: day.stream_total,
                sms_mo: day.stream_sms_mo,
                sms_mt: day.stream_sms_mt,
            },
            api: DayNumbersView {
                total_volume: day.api_total,
                sms_mo: day.api_sms_mo,
                sms_mt: day.api_sms_mt,
            },
            data_records: day.data_records,
            tolerance: day.tolerance,
            read_at: day.read_at,
            explanation,
        }
    }
}

fn explanation(day: &pb::DayDifference) -> String {
    let text = if day.api_total > day.stream_total + day.tolerance {
        "1NCE's API tells more than the stream brought and rounding up to a KB per record explains: records are \
         missing in the stream, and the API's number counts"
    } else if day.api_total < day.stream_total {
        "1NCE's API tells less than the stream brought: it lags or was corrected, and the stream's number counts"
    } else {
        "the volumes agree but for rounding; the counts of SMS differ, and the larger one counts"
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(granularity: &str) -> SimUsageQuery {
        let text = format!("start_date=2026-02-27&end_date=2026-03-02&granularity={granularity}");
        super::super::usage_query::sim_usage(&text).unwrap()
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

        let view = SimUsageView::new("1".into(), query("daily"), periods.clone());

        let dates: Vec<_> = view
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
        assert_eq!(view.usage[0].source, "none");
        assert_eq!(view.summary.average_daily_volume, 125);
        assert_eq!(view.summary.peak_date.as_deref(), Some("2026-02-28"));
        assert_eq!(
            SimUsageView::new("1".into(), query("weekly"), periods)
                .usage
                .len(),
            2
        );
    }

    #[test]
    fn a_difference_says_which_number_counts() {
        let day = |stream_total, api_total| pb::DayDifference {
            stream_total,
            api_total,
            tolerance: 1024,
            ..pb::DayDifference::default()
        };
        assert!(explanation(&day(0, 5000)).contains("API's number counts"));
        assert!(explanation(&day(5000, 0)).contains("stream's number counts"));
        assert!(explanation(&day(5000, 5500)).contains("SMS"));
    }
}
