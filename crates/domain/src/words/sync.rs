//! The words of readings of the whole fleet, and of lists of it.

use super::words;
use crate::SimStatus;

words! {
    /// Where a run that reads the whole fleet stands.
    RunState {
        /// It waits to be begun.
        Queued = "queued",
        /// Its pages are read.
        Running = "running",
        /// Every listed SIM was read.
        Completed = "completed",
        /// Given up; its error says why.
        Failed = "failed",
    }
}

words! {
    /// Why a run was queued.
    RunReason {
        /// It was due.
        Schedule = "schedule",
        /// Somebody asked for it.
        Request = "request",
    }
}

words! {
    /// The status of a SIM in lists and counts: its own, or that 1NCE does not list it any more.
    ListStatus {
        /// [`SimStatus::Enabled`].
        Enabled = "Enabled",
        /// [`SimStatus::Disabled`].
        Disabled = "Disabled",
        /// [`SimStatus::Expired`].
        Expired = "Expired",
        /// [`SimStatus::Unknown`].
        Unknown = "Unknown",
        /// 1NCE does not list it.
        Missing = "Missing",
    }
}

words! {
    /// What a list of SIMs is sorted by; the ICCID settles ties.
    SimSort {
        /// The card's number.
        Iccid = "iccid",
        /// The customer's text, whatever its case.
        Label = "label",
        /// The status.
        Status = "status",
        /// When the SIM became known.
        CreatedAt = "created_at",
        /// When it changed last.
        UpdatedAt = "updated_at",
    }
}

impl ListStatus {
    /// The stored number; smaller ones than that of `Missing` are those of [`SimStatus`].
    pub const fn code(self) -> i16 {
        match self {
            Self::Enabled => 0,
            Self::Disabled => 1,
            Self::Expired => 2,
            Self::Unknown => 3,
            Self::Missing => 9,
        }
    }

    /// The status of a word, whatever its case, as people write it.
    pub fn from_any_case(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|status| status.word().eq_ignore_ascii_case(word))
    }

    /// The status of a stored number.
    pub fn from_code(code: i16) -> Self {
        let known = Self::ALL.into_iter().find(|status| status.code() == code);
        known.unwrap_or(Self::Unknown)
    }
}

impl From<SimStatus> for ListStatus {
    fn from(status: SimStatus) -> Self {
        match status {
            SimStatus::Enabled => Self::Enabled,
            SimStatus::Disabled => Self::Disabled,
            SimStatus::Expired => Self::Expired,
            SimStatus::Unknown => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listed_sim_has_the_word_and_number_of_its_own_status() {
        for status in SimStatus::ALL {
            let listed = ListStatus::from(status);
            assert_eq!((listed.word(), listed.code()), (status.word(), status.code()));
            assert_eq!(ListStatus::from_code(status.code()), listed);
        }
        assert_eq!(ListStatus::from_code(9), ListStatus::Missing);
        assert_eq!(ListStatus::from_any_case("mISSING"), Some(ListStatus::Missing));
    }
}
