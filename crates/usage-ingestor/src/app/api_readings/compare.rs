//! Compares what both generations of 1NCE's API tell of the same closed days.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use domain::ShadowOutcome;
use once_client::model::{Usage, UsageDay};

/// v2 rounds each session up to a KB (FACTS §1).
const ROUNDED: i64 = 1024;
/// Sessions of a day without records of the stream to count.
const SESSIONS: i64 = 24;
/// Days that are named; the others are counted.
const NAMED: usize = 3;

/// How v2's numbers compare with v1's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    pub outcome: ShadowOutcome,
    /// What differs, and what was noticed beside it, for people.
    pub what: String,
}

/// What differs on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Difference {
    NoDay,
    DataSum,
    DataSwapped,
    DataParts,
    SmsSum,
    SmsSwapped,
    SmsParts,
}

impl Difference {
    fn text(self) -> &'static str {
        match self {
            Self::NoDay => "v2 has no row for a day that v1 tells use of",
            Self::DataSum => "the sum of the data differs",
            Self::DataSwapped => "sent and received data are swapped",
            Self::DataParts => "sent and received data differ",
            Self::SmsSum => "the number of SMS differs",
            Self::SmsSwapped => "MO and MT are swapped",
            Self::SmsParts => "MO and MT differ",
        }
    }
}

/// `days` are closed ones, with the records of data that the stream brought of each.
pub fn compare(v1: &Usage, v2: &Usage, days: &BTreeMap<NaiveDate, i64>) -> Comparison {
    let (told, again) = (by_day(v1), by_day(v2));
    let mut differences: BTreeMap<Difference, Vec<NaiveDate>> = BTreeMap::new();
    let (mut left_out, mut directed) = (0, false);
    for (day, records) in days {
        let Some(first) = told.get(day) else { continue };
        directed |= first.sms.mo != first.sms.mt;
        let difference = match again.get(day) {
            Some(second) => different(first, second, ROUNDED * (*records).max(SESSIONS)),
            None if is_used(first) => Some(Difference::NoDay),
            None => {
                left_out += 1;
                None
            }
        };
        if let Some(difference) = difference {
            differences.entry(difference).or_default().push(*day);
        }
    }
    let mut what: Vec<String> = differences
        .iter()
        .map(|(difference, days)| named(*difference, days))
        .collect();
    if left_out > 0 {
        what.push(format!("v2 leaves out {left_out} days without use"));
    }
    if !directed {
        what.push("no day tells MO and MT apart".to_owned());
    }
    let outcome = if differences.is_empty() {
        ShadowOutcome::Agrees
    } else {
        ShadowOutcome::Differs
    };
    Comparison {
        outcome,
        what: what.join("; "),
    }
}

fn by_day(usage: &Usage) -> BTreeMap<NaiveDate, &UsageDay> {
    usage.days.iter().map(|day| (day.date, day)).collect()
}

fn is_used(day: &UsageDay) -> bool {
    day.data.total.bytes() > 0 || day.sms.total > 0
}

fn different(v1: &UsageDay, v2: &UsageDay, tolerance: i64) -> Option<Difference> {
    let close = |one: i64, other: i64| (one - other).abs() <= tolerance;
    let (one, other) = (&v1.data, &v2.data);
    if !close(one.total.bytes(), other.total.bytes()) {
        return Some(Difference::DataSum);
    }
    if !(close(one.tx.bytes(), other.tx.bytes()) && close(one.rx.bytes(), other.rx.bytes())) {
        let swapped = close(one.tx.bytes(), other.rx.bytes()) && close(one.rx.bytes(), other.tx.bytes());
        return Some(if swapped {
            Difference::DataSwapped
        } else {
            Difference::DataParts
        });
    }
    let (one, other) = (&v1.sms, &v2.sms);
    if one.mo + one.mt != other.mo + other.mt {
        return Some(Difference::SmsSum);
    }
    if (one.mo, one.mt) == (other.mo, other.mt) {
        return None;
    }
    Some(if (one.mo, one.mt) == (other.mt, other.mo) {
        Difference::SmsSwapped
    } else {
        Difference::SmsParts
    })
}

fn named(difference: Difference, days: &[NaiveDate]) -> String {
    let mut names: Vec<String> = days.iter().take(NAMED).map(NaiveDate::to_string).collect();
    if days.len() > NAMED {
        names.push(format!("{} more days", days.len() - NAMED));
    }
    format!("{} ({})", difference.text(), names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::DataVolume;
    use once_client::model::{DataUsage, SmsUsage};

    fn date(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 11, day).unwrap()
    }

    /// Bytes sent and received, messages MO and MT.
    fn day(number: u32, tx: i64, rx: i64, mo: i64, mt: i64) -> UsageDay {
        let volume = DataVolume::from_bytes;
        UsageDay {
            date: date(number),
            data: DataUsage {
                total: volume(tx + rx),
                tx: volume(tx),
                rx: volume(rx),
            },
            sms: SmsUsage {
                total: mo + mt,
                mo,
                mt,
            },
            extra: Default::default(),
        }
    }

    fn told(days: &[UsageDay]) -> Usage {
        Usage {
            days: days.to_vec(),
            rejects: Vec::new(),
        }
    }

    fn of(v1: &[UsageDay], v2: &[UsageDay]) -> (ShadowOutcome, String) {
        let days = (1..=9).map(|number| (date(number), 2)).collect();
        let found = compare(&told(v1), &told(v2), &days);
        (found.outcome, found.what)
    }

    #[test]
    fn rounding_is_no_difference_and_days_without_use_may_be_left_out() {
        let v1 = [day(1, 700_000, 300_000, 2, 1), day(2, 0, 0, 0, 0)];
        assert_eq!(of(&v1, &v1), (ShadowOutcome::Agrees, String::new()));
        let (outcome, what) = of(&v1, &[day(1, 700_500, 300_900, 2, 1)]);
        assert_eq!(
            (outcome, what.as_str()),
            (ShadowOutcome::Agrees, "v2 leaves out 1 days without use")
        );
    }

    #[test]
    fn what_differs_is_said_with_its_days() {
        let v1 = [day(1, 700_000, 300_000, 2, 1), day(2, 900_000, 1, 0, 0)];
        for (v2, expected) in [
            (
                vec![],
                "v2 has no row for a day that v1 tells use of (2026-11-01, 2026-11-02)",
            ),
            (
                vec![day(1, 300_000, 700_000, 2, 1), v1[1].clone()],
                "sent and received data are swapped (2026-11-01)",
            ),
            (
                vec![day(1, 700_000, 300_000, 1, 2), v1[1].clone()],
                "MO and MT are swapped (2026-11-01)",
            ),
            (
                vec![v1[0].clone(), day(2, 800_000, 1, 0, 0)],
                "the sum of the data differs (2026-11-02)",
            ),
            (
                vec![day(1, 700_000, 300_000, 2, 5), v1[1].clone()],
                "the number of SMS differs (2026-11-01)",
            ),
        ] {
            assert_eq!(of(&v1, &v2), (ShadowOutcome::Differs, expected.to_owned()));
        }
    }

    #[test]
    fn directions_of_sms_are_proven_only_by_days_that_tell_them_apart() {
        let v1 = [day(1, 5, 5, 3, 3)];
        assert_eq!(of(&v1, &v1).1, "no day tells MO and MT apart");
    }

    #[test]
    fn today_is_not_compared() {
        let (outcome, _) = of(&[day(10, 5, 5, 3, 1)], &[]);
        assert_eq!(outcome, ShadowOutcome::Agrees);
    }
}
