//! Which usage: whose, of which days, in which groups.

use std::borrow::Cow;

use chrono::{Days, NaiveDate, Utc};
use domain::{Granularity, Iccid, TopBy, UsageGroupBy};
use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;

use crate::error::ApiError;
use crate::rest::frame::faults::Faults;
use crate::rest::frame::fields::{Day, Field, Number, Text, Word, WordOr, fields, words_of};

/// A tag; without it all SIMs are meant.
pub type TagFilter = Option<Text<0, 64>>;

/// The text, empty without a tag.
pub fn tag_text(tag: &TagFilter) -> String {
    tag.as_ref().map(|tag| tag.0.clone()).unwrap_or_default()
}

/// How many days a period has.
#[derive(Debug, Clone, Copy)]
pub struct Length {
    /// Without a first day.
    pub default: u64,
    pub longest: i64,
}

/// Of what is stored by day.
pub const DAYS: Length = Length {
    default: 30,
    longest: 731,
};

/// Of what is stored by SIM and day.
const SIM_DAYS: i64 = 92;
const HOURLY_DAYS: i64 = 31;

/// First and last day, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    pub start: NaiveDate,
    pub end: NaiveDate,
}

impl Period {
    /// Without a last day it ends today (UTC).
    pub fn new(start: Option<Day>, end: Option<Day>, length: Length) -> Result<Self, ApiError> {
        let mut faults = Faults::default();
        let period = Self::collect(start, end, length, &mut faults);
        faults.or(period)
    }

    /// The same among other rules, whose faults are told at once.
    fn collect(start: Option<Day>, end: Option<Day>, length: Length, faults: &mut Faults) -> Self {
        let end = end.map_or_else(|| Utc::now().date_naive(), |day| day.0);
        let start = start.map_or_else(|| end - Days::new(length.default - 1), |day| day.0);
        if end < start {
            faults.add("end_date", "is not before start_date");
        } else if (end - start).num_days() >= length.longest {
            let reason = format!("is at most {} days before the end", length.longest - 1);
            faults.add("start_date", reason);
        }
        Self { start, end }
    }

    /// How many days it has.
    pub fn days(&self) -> u64 {
        u64::try_from((self.end - self.start).num_days() + 1).unwrap_or(1)
    }
}

words_of! {
    /// How long the periods are that usage is shown by.
    Granularity as "UsageGranularity" or Daily
}

words_of! {
    /// What the fleet's usage is grouped by.
    UsageGroupBy as "UsageGroupBy"
}

words_of! {
    /// Of what the SIMs used most.
    TopBy as "TopUsageBy" or Total
}

/// The IANA name of a time zone; usage-ingestor knows which there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeZone(pub String);

impl Field for TimeZone {
    fn rule() -> Cow<'static, str> {
        Text::<0, 64>::rule()
    }

    fn schema() -> RefOr<Schema> {
        let mut schema = Text::<0, 64>::schema();
        if let RefOr::T(Schema::Object(text)) = &mut schema {
            text.default = Some("UTC".into());
            text.examples = vec!["Europe/Berlin".into()];
        }
        schema
    }

    fn read(value: &Value) -> Option<Self> {
        Text::<0, 64>::read(value).map(|text| Self(text.0))
    }

    fn absent() -> Option<Self> {
        Some(Self("UTC".to_owned()))
    }

    fn empty_is_absent() -> bool {
        true
    }
}

fields! {
    /// Usage of one SIM.
    pub struct SimUsageParams {
        /// First day; 30 days up to the last one when it is left out. At most 31 days by hour, 731 otherwise.
        start_date: Option<Day>,
        /// Last day, included; today (UTC) when it is left out.
        end_date: Option<Day>,
        granularity: WordOr<Granularity>,
        /// IANA name of the time zone whose days, weeks and months count.
        tz: TimeZone,
    }
}

impl SimUsageParams {
    pub fn period(&self) -> Result<Period, ApiError> {
        let longest = match self.granularity.0 {
            Granularity::Hourly => HOURLY_DAYS,
            _ => DAYS.longest,
        };
        Period::new(self.start_date, self.end_date, Length { longest, ..DAYS })
    }
}

fields! {
    /// Usage of the fleet.
    pub struct UsageSummaryParams {
        /// First day (UTC); 30 days up to the last one when it is left out. At most 731 days, 92 by or with a tag.
        start_date: Option<Day>,
        /// Last day, included; today when it is left out.
        end_date: Option<Day>,
        /// Without it only the sum.
        group_by: Option<Word<UsageGroupBy>>,
        /// Only SIMs with this tag; may go with `day` only.
        tag: TagFilter,
    }
}

impl UsageSummaryParams {
    /// The period, when it goes together with group and tag.
    pub fn period(&self) -> Result<Period, ApiError> {
        let mut faults = Faults::default();
        let group_by = self.group_by.map(|word| word.0);
        let has_tag = !tag_text(&self.tag).is_empty();
        if has_tag && !matches!(group_by, None | Some(UsageGroupBy::Day)) {
            faults.add("group_by", "is day, or left out, together with a tag");
        }
        let longest = if has_tag || group_by == Some(UsageGroupBy::Tag) {
            SIM_DAYS
        } else {
            DAYS.longest
        };
        let length = Length { longest, ..DAYS };
        let period = Period::collect(self.start_date, self.end_date, length, &mut faults);
        faults.or(period)
    }
}

fields! {
    /// The SIMs that use most.
    pub struct TopUsageParams {
        /// First day (UTC); 7 days up to the last one when it is left out. At most 92 days.
        start_date: Option<Day>,
        /// Last day, included; today when it is left out.
        end_date: Option<Day>,
        by: WordOr<TopBy>,
        limit: Number<1, 100, 10>,
        tag: TagFilter,
    }
}

impl TopUsageParams {
    pub fn period(&self) -> Result<Period, ApiError> {
        let length = Length {
            default: 7,
            longest: SIM_DAYS,
        };
        Period::new(self.start_date, self.end_date, length)
    }
}

fields! {
    /// Daily rows to take away.
    pub struct ExportUsageParams {
        /// First day (UTC); 30 days up to the last one when it is left out. At most 731 days.
        start_date: Option<Day>,
        /// Last day, included; today when it is left out.
        end_date: Option<Day>,
        /// Only this SIM.
        iccid: Option<Iccid>,
        /// Only SIMs with this tag.
        tag: TagFilter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rest::frame::fields::{Fields, Source};
    use crate::rest::frame::query::pairs;

    fn read<T: Fields>(query: &str) -> Result<T, ApiError> {
        let mut faults = Faults::default();
        let mut source = Source::Query(pairs(query, T::NAMES, &mut faults));
        let params = T::take(&mut source, &mut faults);
        faults.or(())?;
        Ok(params.unwrap())
    }

    fn sim_usage(query: &str) -> Result<Period, ApiError> {
        read::<SimUsageParams>(query)?.period()
    }

    fn faulted(outcome: Result<Period, ApiError>) -> Vec<String> {
        let fields = outcome.unwrap_err().fields;
        let mut names: Vec<String> = fields.into_iter().map(|(field, _)| field).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    #[test]
    fn without_parameters_it_is_the_last_thirty_days_by_day() {
        for query in ["", "granularity=&tz="] {
            let params: SimUsageParams = read(query).unwrap();
            assert_eq!(params.granularity.0, Granularity::Daily);
            assert_eq!(params.tz.0, "UTC");
            let before = Utc::now().date_naive();
            let period = params.period().unwrap();
            let after = Utc::now().date_naive();
            assert_eq!(period.days(), 30);
            assert!((before..=after).contains(&period.end));
        }
        let top: TopUsageParams = read("").unwrap();
        assert_eq!(top.period().unwrap().days(), 7);
    }

    #[test]
    fn a_period_ends_at_its_longest() {
        assert!(sim_usage("start_date=2026-01-01&end_date=2026-01-31&granularity=hourly").is_ok());
        for (bad, field) in [
            (
                "start_date=2026-01-01&end_date=2026-02-01&granularity=hourly",
                "start_date",
            ),
            ("start_date=2024-01-01&end_date=2026-01-01", "start_date"),
            ("start_date=2026-01-02&end_date=2026-01-01", "end_date"),
            ("start_date=2026-1-2", "start_date"),
            ("start_date=12026-01-02", "start_date"),
            ("start_date=today", "start_date"),
        ] {
            assert_eq!(faulted(sim_usage(bad)), [field], "{bad}");
        }
    }

    #[test]
    fn every_bad_parameter_is_named_at_once() {
        let summary = |query| read::<UsageSummaryParams>(query)?.period();
        let bad = "start_date=x&end_date=y&group_by=city&tag=%00&colour=red";
        assert_eq!(
            faulted(summary(bad)),
            ["colour", "end_date", "group_by", "start_date", "tag"]
        );
        let bad = "group_by=rat&tag=north&start_date=2026-01-02&end_date=2026-01-01";
        assert_eq!(faulted(summary(bad)), ["end_date", "group_by"]);
        assert_eq!(
            faulted(summary("group_by=tag&start_date=2026-01-01&end_date=2026-04-03")),
            ["start_date"]
        );
        assert!(summary("group_by=&tag=").is_ok());
        assert!(read::<ExportUsageParams>("iccid=17").is_err());
        assert!(read::<TopUsageParams>("limit=101").is_err());
    }
}
