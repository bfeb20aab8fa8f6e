use std::str::FromStr;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};

/// Bytes in what 1NCE calls one MB: 1024 kilobytes of 1024 bytes (FACTS §8).
pub const BYTES_PER_MB: i64 = 1_048_576;

/// An amount of data in bytes. Negative where 1NCE says so: a remaining quota can be overdrawn (FACTS §8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DataVolume(i64);

/// Why a text is no volume.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VolumeError {
    /// Not a decimal number.
    #[error("a volume is a decimal number of MB")]
    NotDecimal,
    /// More bytes than a 64-bit number holds.
    #[error("the volume does not fit 64 bits of bytes")]
    TooLarge,
}

impl DataVolume {
    /// A volume of so many bytes.
    pub const fn from_bytes(bytes: i64) -> Self {
        Self(bytes)
    }

    /// The number of bytes.
    pub const fn bytes(self) -> i64 {
        self.0
    }

    /// Reads 1NCE's decimal MB (`"0.412000"`, `500`, `-0.02`, `5e-7`) and rounds to the nearest byte, halves away from zero.
    pub fn from_mb_text(text: &str) -> Result<Self, VolumeError> {
        let text = text.trim();
        if let Some(bytes) = plain(text.as_bytes()) {
            return Ok(Self(bytes));
        }
        let mb = Decimal::from_str(text)
            .or_else(|_| Decimal::from_scientific(text))
            .map_err(|_| VolumeError::NotDecimal)?;
        Self::from_mb(mb)
    }

    /// The volume of a decimal number of MB, to the nearest byte, halves away from zero.
    pub fn from_mb(mb: Decimal) -> Result<Self, VolumeError> {
        mb.checked_mul(Decimal::from(BYTES_PER_MB))
            .map(|bytes| {
                bytes.round_dp_with_strategy(0, rust_decimal::RoundingStrategy::MidpointAwayFromZero)
            })
            .and_then(|bytes| bytes.to_i64())
            .map(Self)
            .ok_or(VolumeError::TooLarge)
    }
}

/// Digits with at most nine behind the point: what nearly every record has, read without the decimal library.
fn plain(text: &[u8]) -> Option<i64> {
    let (whole, fraction) = match text.iter().position(|byte| *byte == b'.') {
        Some(point) => (&text[..point], &text[point + 1..]),
        None => (text, &[][..]),
    };
    if whole.is_empty()
        || whole.len() > 9
        || fraction.len() > 9
        || (fraction.is_empty() && whole.len() < text.len())
    {
        return None;
    }
    let mut scaled = 0i128;
    for digit in whole.iter().chain(fraction) {
        scaled = scaled * 10 + i128::from(digit.is_ascii_digit().then(|| digit - b'0')?);
    }
    let scale = 10i128.pow(u32::try_from(fraction.len()).ok()?);
    // Never negative, so that half a byte more and cutting rounds halves away from zero.
    i64::try_from((scaled * i128::from(BYTES_PER_MB) * 2 + scale) / (2 * scale)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decimal_text_becomes_exact_bytes() {
        assert_eq!(DataVolume::from_mb_text("500").unwrap().bytes(), 524_288_000);
        assert_eq!(DataVolume::from_mb_text("0.412000").unwrap().bytes(), 432_013);
        assert_eq!(DataVolume::from_mb_text("-0.02").unwrap().bytes(), -20_972);
        assert_eq!(DataVolume::from_mb_text("1E-3").unwrap().bytes(), 1_049);
    }

    #[test]
    fn what_is_no_number_or_too_large_is_refused() {
        assert_eq!(DataVolume::from_mb_text("TOTAL"), Err(VolumeError::NotDecimal));
        assert_eq!(DataVolume::from_mb_text(""), Err(VolumeError::NotDecimal));
        assert_eq!(
            DataVolume::from_mb_text("99999999999999999999"),
            Err(VolumeError::TooLarge)
        );
    }

    proptest! {
        #[test]
        fn whole_mb_never_lose_a_byte(mb in -8_000_000_000i64..8_000_000_000) {
            prop_assert_eq!(DataVolume::from_mb_text(&mb.to_string()).unwrap().bytes(), mb * BYTES_PER_MB);
        }

        #[test]
        fn the_quick_way_rounds_as_the_decimal_library_does(whole in 0u32..1_000_000_000, fraction in "[0-9]{0,9}") {
            let text = if fraction.is_empty() { whole.to_string() } else { format!("{whole}.{fraction}") };
            let slow = DataVolume::from_mb(Decimal::from_str(&text).unwrap()).unwrap();
            prop_assert_eq!(plain(text.as_bytes()), Some(slow.bytes()), "{}", text);
        }

        #[test]
        fn only_text_with_a_digit_is_a_volume(text in "\\PC*") {
            prop_assert!(DataVolume::from_mb_text(&text).is_err() || text.bytes().any(|b| b.is_ascii_digit()));
        }
    }
}
