/// The Luhn check digit of a string of ASCII digits; `None` when another character stands in it.
pub fn luhn_digit(digits: &str) -> Option<u8> {
    let mut sum: u32 = 0;
    for (place, byte) in digits.bytes().rev().enumerate() {
        let digit = u32::from(byte.checked_sub(b'0').filter(|d| *d < 10)?);
        let doubled = if place % 2 == 0 { digit * 2 } else { digit };
        sum += if doubled > 9 { doubled - 9 } else { doubled };
    }
    u8::try_from((10 - sum % 10) % 10).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_example_has_check_digit_six() {
        assert_eq!(luhn_digit("8988999000000000017"), Some(6));
    }

    #[test]
    fn a_letter_has_no_check_digit() {
        assert_eq!(luhn_digit("89a"), None);
    }
}
