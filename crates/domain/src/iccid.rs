use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::luhn::luhn_digit;

/// The number of a SIM card: 19 digits, without the Luhn digit that is printed on the card (FACTS §5).
///
/// It fits an `i64` because every ICCID starts with 89 (ITU-T E.118). JSON shows it as a string.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Iccid(i64);

/// Why a text is no ICCID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IccidError {
    /// Neither 19 nor 20 characters.
    #[error("an ICCID has 19 digits, or 20 with its check digit")]
    Length,
    /// A character that is no digit.
    #[error("an ICCID consists of digits only")]
    NotDigits,
    /// It does not start with 89, the prefix of telecom cards.
    #[error("an ICCID starts with 89")]
    Prefix,
    /// The twentieth digit is not the Luhn digit of the other nineteen.
    #[error("the check digit of the ICCID is wrong")]
    CheckDigit,
}

impl Iccid {
    /// Reads 19 digits, or 20 of which the last is the right Luhn digit.
    pub fn parse(text: &str) -> Result<Self, IccidError> {
        if !matches!(text.len(), 19 | 20) {
            return Err(IccidError::Length);
        }
        if !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(IccidError::NotDigits);
        }
        if !text.starts_with("89") {
            return Err(IccidError::Prefix);
        }
        let (body, check) = text.split_at(19);
        if !check.is_empty() && luhn_digit(body).map(|d| d + b'0') != check.bytes().next() {
            return Err(IccidError::CheckDigit);
        }
        body.parse().map(Self).map_err(|_| IccidError::NotDigits)
    }

    /// The ICCID held in a database column; refuses a number that is no 19-digit ICCID.
    pub fn from_i64(number: i64) -> Result<Self, IccidError> {
        Self::parse(&number.to_string())
    }

    /// The number as stored: 19 decimal digits.
    pub fn as_i64(self) -> i64 {
        self.0
    }

    /// The 20 digits printed on the card.
    pub fn with_luhn(self) -> String {
        let body = self.0.to_string();
        let check = luhn_digit(&body).unwrap_or(0);
        format!("{body}{check}")
    }
}

impl fmt::Display for Iccid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Debug for Iccid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Iccid({})", self.0)
    }
}

impl FromStr for Iccid {
    type Err = IccidError;

    fn from_str(text: &str) -> Result<Self, IccidError> {
        Self::parse(text)
    }
}

impl Serialize for Iccid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Iccid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nineteen_digits_are_taken_as_they_are() {
        let iccid = Iccid::parse("8988999000000000017").unwrap();
        assert_eq!(iccid.to_string(), "8988999000000000017");
        assert_eq!(iccid.with_luhn(), "89889990000000000176");
    }

    #[test]
    fn each_fault_has_its_own_error() {
        assert_eq!(Iccid::parse("898899900000000001"), Err(IccidError::Length));
        assert_eq!(Iccid::parse("898899900000000001x"), Err(IccidError::NotDigits));
        assert_eq!(Iccid::parse("9988999000000000017"), Err(IccidError::Prefix));
        assert_eq!(Iccid::parse("89889990000000000177"), Err(IccidError::CheckDigit));
        assert_eq!(Iccid::from_i64(17), Err(IccidError::Length));
    }

    proptest! {
        #[test]
        fn the_printed_form_reads_back_as_the_same_card(tail in 0i64..100_000_000_000_000_000) {
            let iccid = Iccid::from_i64(8_900_000_000_000_000_000 + tail).unwrap();
            prop_assert_eq!(Iccid::parse(&iccid.with_luhn()), Ok(iccid));
            prop_assert_eq!(Iccid::parse(&iccid.to_string()), Ok(iccid));
        }

        #[test]
        fn one_wrong_check_digit_never_passes(tail in 0i64..100_000_000_000_000_000, off in 1u8..10) {
            let iccid = Iccid::from_i64(8_900_000_000_000_000_000 + tail).unwrap();
            let right = luhn_digit(&iccid.to_string()).unwrap();
            let wrong = format!("{iccid}{}", (right + off) % 10);
            prop_assert_eq!(Iccid::parse(&wrong), Err(IccidError::CheckDigit));
        }

        #[test]
        fn whatever_is_accepted_shows_the_digits_that_were_given(text in "(\\PC*|[0-9]{18,21})") {
            if let Ok(iccid) = Iccid::parse(&text) {
                prop_assert_eq!(iccid.to_string(), &text[..19]);
            }
        }
    }
}
