//! Usage of one SIM over time.

use std::collections::HashSet;

use chrono::{Days, Duration, NaiveDate, NaiveTime};
use chrono_tz::Tz;
use domain::{Granularity, Iccid, periods, span};
use messages::pb::usage::SimUsageRequest;

use super::{App, day_range};
use crate::error::AppError;
use crate::store::sim_usage::{Amounts, DayRow, RecordsRow, Span, VisibleSim};
use crate::store::{DayRange, Scope};

/// What is asked. The scope is part of its making.
#[derive(Debug, Clone)]
pub struct SimUsageQuery {
    scope: Scope,
    iccid: Iccid,
    range: DayRange,
    granularity: Granularity,
    zone: Tz,
}

/// A period in which something was used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UsedPeriod {
    /// Its first day, or its hour with the offset.
    pub label: String,
    pub amounts: Amounts,
    pub by_stream: bool,
    pub by_api: bool,
}

impl SimUsageQuery {
    /// Reads a request.
    ///
    /// # Errors
    /// [`AppError::Invalid`] names what cannot be used.
    pub fn new(scope: Scope, iccid: Iccid, request: &SimUsageRequest) -> Result<Self, AppError> {
        let granularity = Granularity::from_word(&request.granularity)
            .ok_or_else(|| AppError::field("granularity", "is hourly, daily, weekly or monthly"))?;
        let zone = match request.time_zone.as_str() {
            "" => Tz::UTC,
            name => name.parse().map_err(|_| {
                AppError::field("tz", "is no time zone of the IANA list, such as Europe/Berlin")
            })?,
        };
        let range = day_range::read(&request.start_date, &request.end_date, granularity.max_days())?;
        Ok(Self {
            scope,
            iccid,
            range,
            granularity,
            zone,
        })
    }
}

impl App {
    /// The periods with use, the oldest first.
    ///
    /// # Errors
    /// [`AppError::UnknownSim`]; the database's.
    pub async fn sim_usage(&self, query: &SimUsageQuery) -> Result<Vec<UsedPeriod>, AppError> {
        let sim = self.store.visible_sim(query.scope, query.iccid).await?;
        let sim = sim.ok_or(AppError::UnknownSim)?;
        let used = if query.zone == Tz::UTC && query.granularity != Granularity::Hourly {
            self.used_by_days(sim, query).await?
        } else {
            self.used_by_records(sim, query).await?
        };
        let something = |period: &UsedPeriod| period.amounts != Amounts::default();
        Ok(used.into_iter().filter(something).collect())
    }

    async fn used_by_days(
        &self,
        sim: VisibleSim,
        query: &SimUsageQuery,
    ) -> Result<Vec<UsedPeriod>, AppError> {
        let rows = self
            .store
            .usage_periods(sim, query.granularity, query.range)
            .await?;
        let used = rows.into_iter().map(|row| UsedPeriod {
            label: row.first_day.to_string(),
            amounts: row.amounts,
            by_stream: row.by_stream,
            by_api: row.by_api,
        });
        Ok(used.collect())
    }

    /// Records are cut at the zone's own midnights and hours. What is not broken down, because only the API told or because
    /// the records are not kept any more, falls as a whole UTC day to the period in which that day begins.
    async fn used_by_records(
        &self,
        sim: VisibleSim,
        query: &SimUsageQuery,
    ) -> Result<Vec<UsedPeriod>, AppError> {
        let DayRange { start, end } = query.range;
        let (from, before) = span(query.zone, start, end);
        let last_day = (before - Duration::seconds(1)).date_naive();
        let told = DayRange {
            start: from.date_naive(),
            end: last_day,
        };
        let days = self.store.usage_days(sim, told).await?;
        let by_api: Vec<NaiveDate> = days
            .iter()
            .filter(|day| day.data_by_api)
            .map(|day| day.day)
            .collect();
        let (mut used, mut begins) = (Vec::new(), Vec::new());
        for period in periods(query.granularity, query.zone, start, end) {
            begins.push(period.from);
            used.push(UsedPeriod {
                label: period.label,
                ..UsedPeriod::default()
            });
        }
        begins.push(before);
        // To the end of the last UTC day, for whether it has records decides what becomes of it.
        let whole = (last_day + Days::new(1)).and_time(NaiveTime::MIN).and_utc();
        let records = self
            .store
            .usage_records(sim, Span { from, before: whole }, &begins, &by_api)
            .await?;
        let with_records: HashSet<NaiveDate> = records.iter().filter_map(|row| row.day).collect();
        records.into_iter().for_each(|row| add_records(&mut used, row));
        for day in days {
            let begin = day.day.and_time(NaiveTime::MIN).and_utc();
            let after = begins.partition_point(|period| *period <= begin);
            if let Some(period) = after.checked_sub(1).and_then(|place| used.get_mut(place)) {
                period.add_day(&day, with_records.contains(&day.day));
            }
        }
        Ok(used)
    }
}

fn add_records(used: &mut [UsedPeriod], row: RecordsRow) {
    let place = row.period.and_then(|period| usize::try_from(period - 1).ok());
    if let Some(period) = place.and_then(|place| used.get_mut(place)) {
        period.amounts.add(&row.amounts);
        period.by_stream |= row.by_stream;
    }
}

impl UsedPeriod {
    fn add_day(&mut self, day: &DayRow, has_records: bool) {
        if !has_records {
            self.amounts.add(&day.whole);
            self.by_stream |= day.by_stream;
        } else {
            let data = if day.data_by_api {
                day.whole.clone()
            } else {
                Amounts::default()
            };
            self.amounts.add(&Amounts {
                sms_mo: day.api_sms_mo,
                sms_mt: day.api_sms_mt,
                sessions: 0,
                ..data
            });
        }
        self.by_api |= day.by_api;
    }
}

impl Amounts {
    fn add(&mut self, more: &Self) {
        self.rx += more.rx;
        self.tx += more.tx;
        self.total += more.total;
        self.sms_mo += more.sms_mo;
        self.sms_mt += more.sms_mt;
        self.sessions += more.sessions;
    }
}
