//! What an answer about usage is worth, and whose trouble a failure is.

use chrono::{Days, NaiveDate};
use once_client::ClientError;
use once_client::model::{RejectedRecord, Usage};

use super::KEPT_DAYS;

/// An answer that leaves something untold: the days that it tells are kept, and none counts as compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// For people.
    pub reason: String,
    /// What could not be read.
    pub rejects: Vec<RejectedRecord>,
}

/// Through which closed day an answer about the days `from` to `today` may be compared.
///
/// 1NCE has a row for each day, also for one without use (FACTS §7), so that no row is no silence of the SIM; and one row
/// that cannot be read makes all doubtful.
///
/// # Errors
/// What was not told, which must not count as nothing used.
pub fn compared_through(usage: &Usage, from: NaiveDate, today: NaiveDate) -> Result<NaiveDate, Unread> {
    let yesterday = today - Days::new(1);
    let mut rejects = usage.rejects.clone();
    // Days of time zones and of a month that is rounded up; anything else is a misread date.
    let plausible = today - Days::new(KEPT_DAYS + 31)..=today + Days::new(1);
    let strange = usage.days.iter().filter(|day| !plausible.contains(&day.date));
    rejects.extend(strange.map(|day| RejectedRecord {
        raw: format!("{day:?}"),
        reason: format!("a day that nobody asked for: {}", day.date),
    }));
    if let Some(first) = rejects.first() {
        let rows = usage.rejects.len() + usage.days.len();
        let reason = format!(
            "{} of {rows} rows cannot be read: {}",
            rejects.len(),
            first.reason
        );
        return Err(Unread { reason, rejects });
    }
    match usage.days.iter().map(|day| day.date).max() {
        Some(newest) => Ok(newest.min(yesterday)),
        None if from > yesterday => Ok(yesterday),
        None => Err(Unread {
            reason: format!("1NCE told none of the days from {from} to {yesterday}"),
            rejects,
        }),
    }
}

/// Whose a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Nobody offers usage to the account.
    Unavailable,
    /// The account's, or 1NCE's: every other SIM would have met the same.
    Account,
    /// 5xx: of the SIM or of all, which only other SIMs can tell.
    Server,
    /// 1NCE says that something is not known: the SIM, or what is asked of it.
    NotFound,
    /// 1NCE says of the SIM that it is expired.
    Expired,
    /// The SIM's.
    Sim,
}

/// Sorts a failed reading.
pub fn trouble(error: &ClientError) -> Trouble {
    match error {
        ClientError::CapabilityUnavailable { .. } => Trouble::Unavailable,
        ClientError::NotFound { .. } => Trouble::NotFound,
        ClientError::Expired { .. } => Trouble::Expired,
        ClientError::Server { .. } => Trouble::Server,
        error if error.is_the_accounts() => Trouble::Account,
        _ => Trouble::Sim,
    }
}

/// Whose trouble it is that 1NCE told nothing, by whether it knows the SIM itself; and what to tell people.
pub fn not_found(known: &Result<bool, ClientError>) -> (Trouble, String) {
    let missing = || "1NCE knows the SIM, but nothing of its usage".to_owned();
    match known {
        Ok(false) => (Trouble::NotFound, "1NCE does not know the SIM".to_owned()),
        Ok(true) => (Trouble::Sim, missing()),
        Err(error) => match trouble(error) {
            Trouble::Unavailable | Trouble::Server => (Trouble::Account, error.to_string()),
            Trouble::NotFound => (Trouble::Sim, missing()),
            whose => (whose, error.to_string()),
        },
    }
}

/// The beginning of an answer that could not be read as a whole.
pub fn unreadable_answer(error: &ClientError) -> Option<RejectedRecord> {
    match error {
        ClientError::Decode { reason, excerpt, .. } => Some(RejectedRecord {
            raw: excerpt.clone(),
            reason: format!("{reason} (the beginning of the answer)"),
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use once_client::model::UsageDay;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn told(days: &[&str], rejects: usize) -> Usage {
        let row = |text: &&str| UsageDay {
            date: day(text),
            data: Default::default(),
            sms: Default::default(),
            extra: Default::default(),
        };
        let reject = RejectedRecord {
            raw: "{}".into(),
            reason: "no date".into(),
        };
        Usage {
            days: days.iter().map(row).collect(),
            rejects: vec![reject; rejects],
        }
    }

    fn through(usage: &Usage, from: &str) -> Result<NaiveDate, Unread> {
        compared_through(usage, day(from), day("2026-11-30"))
    }

    #[test]
    fn closed_days_that_were_told_are_compared_and_no_later_one() {
        let both = told(&["2026-11-28", "2026-11-29", "2026-11-30"], 0);
        assert_eq!(through(&both, "2026-11-28"), Ok(day("2026-11-29")));
        let late = told(&["2026-11-27", "2026-11-28"], 0);
        assert_eq!(through(&late, "2026-11-27"), Ok(day("2026-11-28")));
    }

    #[test]
    fn a_row_that_cannot_be_read_makes_a_failed_reading() {
        let unread = through(&told(&["2026-11-29"], 2), "2026-11-28").unwrap_err();
        assert_eq!(unread.reason, "2 of 3 rows cannot be read: no date");
        assert_eq!(unread.rejects.len(), 2);
        let strange = through(&told(&["1892-01-01", "2026-11-29"], 0), "2026-11-28").unwrap_err();
        assert_eq!(strange.rejects.len(), 1, "{strange:?}");
    }

    #[test]
    fn only_the_sim_itself_can_be_unknown() {
        let gone = ClientError::CapabilityUnavailable {
            capability: once_client::Capability::Sims,
            why: "both generations are gone".into(),
        };
        let away = ClientError::Transport {
            message: "no answer".into(),
            may_be_sent: true,
            request_id: None,
        };
        for (known, whose) in [
            (Ok(false), Trouble::NotFound),
            (Ok(true), Trouble::Sim),
            (Err(gone), Trouble::Account),
            (Err(away), Trouble::Account),
            (Err(ClientError::Expired { request_id: None }), Trouble::Expired),
        ] {
            assert_eq!(not_found(&known).0, whose, "{known:?}");
        }
    }

    #[test]
    fn no_row_is_nothing_used_only_where_no_closed_day_was_asked_for() {
        assert!(through(&Usage::default(), "2026-11-29").is_err());
        assert_eq!(through(&Usage::default(), "2026-11-30"), Ok(day("2026-11-29")));
    }
}
