//! The Luhn check digit, printed as the 20th digit of an ICCID (FACTS §5).

/// The check digit that completes `digits`; characters other than digits count as 0.
pub fn check_digit(digits: &str) -> u8 {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, byte)| {
            let digit = u32::from(byte.wrapping_sub(b'0')) % 10;
            match (place % 2, digit * 2) {
                (0, doubled) if doubled > 9 => doubled - 9,
                (0, doubled) => doubled,
                _ => digit,
            }
        })
        .sum();
    ((10 - sum % 10) % 10) as u8
}

/// `digits` followed by its check digit.
pub fn with_check_digit(digits: &str) -> String {
    format!("{digits}{}", check_digit(digits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The textbook validity rule, written the other way round on purpose.
    fn passes(number: &str) -> bool {
        let mut sum = 0;
        for (place, c) in number.chars().rev().enumerate() {
            let mut digit = c.to_digit(10).unwrap_or(0);
            if place % 2 == 1 {
                digit *= 2;
                if digit > 9 {
                    digit -= 9;
                }
            }
            sum += digit;
        }
        sum % 10 == 0
    }

    #[test]
    fn known_numbers() {
        assert_eq!(with_check_digit("8988999000000000017"), "89889990000000000176");
        assert_eq!(check_digit("35000000000001"), 4);
        assert_eq!(check_digit("7992739871"), 3);
    }

    proptest! {
        #[test]
        fn completed_numbers_pass_and_a_changed_digit_does_not(digits in "[0-9]{19}", place in 0usize..19) {
            let full = with_check_digit(&digits);
            prop_assert!(passes(&full));
            let mut broken: Vec<u8> = full.into_bytes();
            broken[place] = b'0' + (broken[place] - b'0' + 1) % 10;
            prop_assert!(!passes(&String::from_utf8(broken).unwrap_or_default()));
        }
    }
}
