//! Parameters of the usage routes.

use chrono::{Days, NaiveDate, Utc};
use utoipa::IntoParams;
use utoipa::openapi::schema::Object;

use super::docs_examples::words;
use super::params::{Faults, Params};
use crate::error::ApiError;

const GRANULARITIES: [&str; 4] = ["hourly", "daily", "weekly", "monthly"];
const GROUPS: [&str; 5] = ["day", "country", "operator", "rat", "tag"];
const ORDERS: [&str; 5] = ["total", "rx", "tx", "sms_mo", "sms_mt"];
/// Longest periods, days.
const HOURLY_DAYS: i64 = 31;
const LONGEST_DAYS: i64 = 731;
const SIMS_DAYS: i64 = 92;
const TAG_CHARS: usize = 64;
const ZONE_CHARS: usize = 64;
const CURSOR_CHARS: usize = 512;

/// First and last day, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    pub start: NaiveDate,
    pub end: NaiveDate,
}

impl Period {
    /// How many days it has.
    pub fn days(&self) -> u64 {
        u64::try_from((self.end - self.start).num_days() + 1).unwrap_or(1)
    }

    /// Reads `start_date` and `end_date`; without them the last `default` days up to today (UTC).
    fn read(params: &Params, default: u64, longest: i64, faults: &mut Faults) -> Self {
        let today = Utc::now().date_naive();
        let end = date(params, "end_date", faults).unwrap_or(today);
        let start = date(params, "start_date", faults).unwrap_or_else(|| end - Days::new(default - 1));
        if end < start {
            faults.add("end_date", "is not before start_date");
        } else if (end - start).num_days() >= longest {
            faults.add("start_date", format!("is at most {longest} days before the end"));
        }
        Self { start, end }
    }
}

fn date(params: &Params, name: &str, faults: &mut Faults) -> Option<NaiveDate> {
    let text = params.get(name)?;
    match text.parse::<NaiveDate>() {
        // Years that a calendar of four digits can name.
        Ok(date) if text.len() == 10 => Some(date),
        _ => {
            faults.add(name, "is a day: YYYY-MM-DD");
            None
        }
    }
}

/// Usage of one SIM.
#[derive(Debug, Clone)]
pub struct SimUsageQuery {
    pub period: Period,
    pub granularity: String,
    pub zone: String,
}

/// For the documentation; `sim_usage` is what counts.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "its fields are the documented parameters")]
pub struct SimUsageParams {
    /// First day; 30 days up to the last one when it is left out. At most 31 days by hour, 731 otherwise.
    #[param(format = Date, example = "2026-06-01")]
    start_date: Option<String>,
    /// Last day, included; today (UTC) when it is left out.
    #[param(format = Date, example = "2026-06-30")]
    end_date: Option<String>,
    #[param(schema_with = granularities)]
    granularity: Option<String>,
    /// IANA name of the time zone whose days, weeks and months count.
    #[param(max_length = 64, default = "UTC", example = "Europe/Berlin")]
    tz: Option<String>,
}

fn granularities() -> Object {
    words(&GRANULARITIES, Some("daily"))
}

fn groups() -> Object {
    words(&GROUPS, None)
}

fn orders() -> Object {
    words(&ORDERS, Some("total"))
}

/// Reads the parameters of one SIM's usage; names every bad one.
pub fn sim_usage(query: &str) -> Result<SimUsageQuery, ApiError> {
    let mut faults = Faults::default();
    let names = ["start_date", "end_date", "granularity", "tz"];
    let params = Params::read(query, &names, &mut faults);
    let granularity = given_or(params.word("granularity", &GRANULARITIES, &mut faults), "daily");
    let longest = if granularity == "hourly" {
        HOURLY_DAYS
    } else {
        LONGEST_DAYS
    };
    let query = SimUsageQuery {
        period: Period::read(&params, 30, longest, &mut faults),
        granularity,
        zone: given_or(params.text("tz", ZONE_CHARS, &mut faults), "UTC"),
    };
    faults.or(query)
}

fn given_or(text: String, default: &str) -> String {
    if text.is_empty() { default.to_owned() } else { text }
}

/// Usage of the fleet.
#[derive(Debug, Clone)]
pub struct SummaryQuery {
    pub period: Period,
    pub group_by: String,
    pub tag: String,
}

/// For the documentation; `summary` is what counts.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "its fields are the documented parameters")]
pub struct SummaryParams {
    /// First day (UTC); 30 days up to the last one when it is left out. At most 731 days, 92 by or with a tag.
    #[param(format = Date)]
    start_date: Option<String>,
    /// Last day, included; today when it is left out.
    #[param(format = Date)]
    end_date: Option<String>,
    /// Without it only the sum.
    #[param(schema_with = groups)]
    group_by: Option<String>,
    /// Only SIMs with this tag; may go with `day` only.
    #[param(max_length = 64)]
    tag: Option<String>,
}

/// Reads the parameters of the fleet's usage; names every bad one.
pub fn summary(query: &str) -> Result<SummaryQuery, ApiError> {
    let mut faults = Faults::default();
    let names = ["start_date", "end_date", "group_by", "tag"];
    let params = Params::read(query, &names, &mut faults);
    let group_by = params.word("group_by", &GROUPS, &mut faults);
    let tag = params.text("tag", TAG_CHARS, &mut faults);
    if !tag.is_empty() && !["", "day"].contains(&group_by.as_str()) {
        faults.add("group_by", "is day, or left out, together with a tag");
    }
    let by_sims = group_by == "tag" || !tag.is_empty();
    let longest = if by_sims { SIMS_DAYS } else { LONGEST_DAYS };
    let period = Period::read(&params, 30, longest, &mut faults);
    faults.or(SummaryQuery {
        period,
        group_by,
        tag,
    })
}

/// The SIMs that use most.
#[derive(Debug, Clone)]
pub struct TopQuery {
    pub period: Period,
    pub by: String,
    pub limit: u32,
    pub tag: String,
}

/// For the documentation; `top` is what counts.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "its fields are the documented parameters")]
pub struct TopParams {
    /// First day (UTC); 7 days up to the last one when it is left out. At most 92 days.
    #[param(format = Date)]
    start_date: Option<String>,
    /// Last day, included; today when it is left out.
    #[param(format = Date)]
    end_date: Option<String>,
    #[param(schema_with = orders)]
    by: Option<String>,
    #[param(minimum = 1, maximum = 100, default = 10)]
    limit: Option<u32>,
    #[param(max_length = 64)]
    tag: Option<String>,
}

/// Reads the parameters of the ranking; names every bad one.
pub fn top(query: &str) -> Result<TopQuery, ApiError> {
    let mut faults = Faults::default();
    let names = ["start_date", "end_date", "by", "limit", "tag"];
    let params = Params::read(query, &names, &mut faults);
    let query = TopQuery {
        period: Period::read(&params, 7, SIMS_DAYS, &mut faults),
        by: given_or(params.word("by", &ORDERS, &mut faults), "total"),
        limit: params.number("limit", 10, 1..=100, &mut faults),
        tag: params.text("tag", TAG_CHARS, &mut faults),
    };
    faults.or(query)
}

/// Daily rows to take away.
#[derive(Debug, Clone)]
pub struct ExportQuery {
    pub period: Period,
    pub iccid: String,
    pub tag: String,
}

/// For the documentation; `export` is what counts.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "its fields are the documented parameters")]
pub struct ExportParams {
    /// First day (UTC); 30 days up to the last one when it is left out. At most 731 days.
    #[param(format = Date)]
    start_date: Option<String>,
    /// Last day, included; today when it is left out.
    #[param(format = Date)]
    end_date: Option<String>,
    /// Only this SIM.
    #[param(pattern = "^89[0-9]{17,18}$")]
    iccid: Option<String>,
    /// Only SIMs with this tag.
    #[param(max_length = 64)]
    tag: Option<String>,
}

/// Reads the parameters of the export; names every bad one.
pub fn export(query: &str) -> Result<ExportQuery, ApiError> {
    let mut faults = Faults::default();
    let params = Params::read(query, &["start_date", "end_date", "iccid", "tag"], &mut faults);
    let iccid = params.get("iccid").map(domain::Iccid::parse);
    if let Some(Err(error)) = &iccid {
        faults.add("iccid", error.to_string());
    }
    let query = ExportQuery {
        period: Period::read(&params, 30, LONGEST_DAYS, &mut faults),
        iccid: iccid
            .and_then(Result::ok)
            .map(|iccid| iccid.to_string())
            .unwrap_or_default(),
        tag: params.text("tag", TAG_CHARS, &mut faults),
    };
    faults.or(query)
}

/// Days on which stream and API differ.
#[derive(Debug, Clone)]
pub struct DifferencesQuery {
    pub period: Period,
    pub page_size: u32,
    pub cursor: String,
}

/// For the documentation; `differences` is what counts.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "its fields are the documented parameters")]
pub struct DifferencesParams {
    /// First day (UTC); 35 days up to the last one when it is left out. At most 731 days.
    #[param(format = Date)]
    start_date: Option<String>,
    /// Last day, included; today when it is left out.
    #[param(format = Date)]
    end_date: Option<String>,
    #[param(minimum = 1, maximum = 100, default = 50)]
    page_size: Option<u32>,
    /// `next_cursor` of an earlier answer.
    #[param(max_length = 512)]
    cursor: Option<String>,
}

/// Reads the parameters of the differences; names every bad one.
pub fn differences(query: &str) -> Result<DifferencesQuery, ApiError> {
    let mut faults = Faults::default();
    let names = ["start_date", "end_date", "page_size", "cursor"];
    let params = Params::read(query, &names, &mut faults);
    let query = DifferencesQuery {
        period: Period::read(&params, 35, LONGEST_DAYS, &mut faults),
        page_size: params.number("page_size", 50, 1..=100, &mut faults),
        cursor: params.text("cursor", CURSOR_CHARS, &mut faults),
    };
    faults.or(query)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_parameters_it_is_the_last_thirty_days_by_day() {
        let before = Utc::now().date_naive();
        let query = sim_usage("").unwrap();
        let after = Utc::now().date_naive();
        assert_eq!(
            (
                query.period.days(),
                query.granularity.as_str(),
                query.zone.as_str()
            ),
            (30, "daily", "UTC")
        );
        assert!((before..=after).contains(&query.period.end));
        assert_eq!(top("").unwrap().period.days(), 7);
    }

    #[test]
    fn a_period_ends_at_its_longest() {
        assert!(sim_usage("start_date=2026-01-01&end_date=2026-01-31&granularity=hourly").is_ok());
        for bad in [
            "start_date=2026-01-01&end_date=2026-02-01&granularity=hourly",
            "start_date=2024-01-01&end_date=2026-01-01",
            "start_date=2026-01-02&end_date=2026-01-01",
            "start_date=2026-1-2",
            "start_date=12026-01-02",
            "start_date=today",
        ] {
            assert!(sim_usage(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_bad_parameter_is_named_at_once() {
        let error = summary("start_date=x&end_date=y&group_by=city&tag=%00&colour=red").unwrap_err();
        let mut names: Vec<_> = error.fields.iter().map(|(field, _)| field.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names, ["colour", "end_date", "group_by", "start_date", "tag"]);
        assert!(summary("group_by=rat&tag=north").is_err());
        assert!(export("iccid=17").is_err());
        assert!(top("limit=101").is_err());
    }
}
