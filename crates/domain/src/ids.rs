use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::luhn::luhn_digit;

/// Why a text is no identifier of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {rule}")]
pub struct InvalidId {
    /// The kind of identifier, as a user knows it.
    pub kind: &'static str,
    /// What it must look like.
    pub rule: &'static str,
}

macro_rules! digit_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $min:literal..=$max:literal, $rule:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Reads the digits; refuses anything else.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                let fits = ($min..=$max).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
                if fits { Ok(Self(text.to_owned())) } else { Err(InvalidId { kind: $kind, rule: $rule }) }
            }

            /// The digits.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

digit_id!(
    /// The subscriber number on a SIM card: 6 to 15 digits, leading zeros kept.
    Imsi, "IMSI", 6..=15, "has 6 to 15 digits"
);
digit_id!(
    /// The telephone number of a SIM card: digits without `+` (FACTS §5).
    Msisdn, "MSISDN", 3..=20, "has 3 to 20 digits and no plus sign"
);
digit_id!(
    /// The device that a SIM sits in, as 1NCE tells it: really an IMEISV of 16 digits (FACTS §5).
    Imei, "IMEI", 14..=16, "has 14 to 16 digits"
);

impl Imei {
    /// The 14 digits that name the device; what follows is a check digit or the device's software version.
    pub fn device(&self) -> &str {
        &self.0[..14]
    }

    /// The 15-digit IMEI: the device's 14 digits and their Luhn digit.
    pub fn imei15(&self) -> String {
        format!("{}{}", self.device(), luhn_digit(self.device()).unwrap_or(0))
    }
}

/// The tenant that a SIM, a key or an event belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OrganizationId(pub Uuid);

impl OrganizationId {
    /// The organization that exists from the first start; a SIM belongs to it until someone assigns it elsewhere.
    pub const DEFAULT: Self = Self(Uuid::from_u128(1));
}

impl fmt::Display for OrganizationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The short name of one 1NCE account: 1 to 32 lower-case letters, digits and dashes.
///
/// Credentials, token, request budget and capabilities exist once per account; a SIM belongs to one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountSlug(String);

impl AccountSlug {
    /// Reads a slug.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        let fits = (1..=32).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            let rule = "has 1 to 32 lower-case letters, digits and dashes";
            Err(InvalidId {
                kind: "account",
                rule,
            })
        }
    }

    /// The slug's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for AccountSlug {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        Self::parse(&text)
    }
}

impl From<AccountSlug> for String {
    fn from(slug: AccountSlug) -> String {
        slug.0
    }
}

impl fmt::Display for AccountSlug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_imeisv_names_its_device_and_its_imei() {
        let imei = Imei::parse("3500000000000101").unwrap();
        assert_eq!(imei.device(), "35000000000001");
        assert_eq!(imei.imei15(), "350000000000014");
    }

    #[test]
    fn identifiers_refuse_what_is_no_digit_or_too_long() {
        assert!(Imei::parse("").is_err());
        assert!(Imsi::parse("90140500000001x").is_err());
        assert!(Msisdn::parse("+882999000000017").is_err());
        assert!(AccountSlug::parse("Main Account").is_err());
        assert!(AccountSlug::parse("main").is_ok());
    }
}
