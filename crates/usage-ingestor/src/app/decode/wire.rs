//! The fields of the Data Streamer's JSON that are read. Others are passed over.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// A usage record, an event or an SMS event: which one tells [`super::kind::Kind`].
#[derive(Debug, Deserialize)]
pub struct RecordWire<'a> {
    #[serde(borrow, default)]
    pub id: Text<'a>,
    #[serde(borrow, default)]
    pub start_timestamp: Text<'a>,
    #[serde(borrow, default)]
    pub end_timestamp: Text<'a>,
    #[serde(borrow, default)]
    pub timestamp: Text<'a>,
    #[serde(borrow, default)]
    pub submit_date: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub final_date: Text<'a>,
    /// Text in a usage record, an object in an event.
    #[serde(borrow, default)]
    pub imsi: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub sim: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub endpoint: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub operator: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub tariff: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub traffic_type: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub volume: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub detail: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub event_type: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub event_severity: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub event_source: Option<&'a RawValue>,
    #[serde(default)]
    pub alert: Lax<bool>,
    #[serde(borrow, default)]
    pub description: Text<'a>,
    #[serde(borrow, default)]
    pub user: Text<'a>,
    #[serde(borrow, default)]
    pub status: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub payload: Option<&'a RawValue>,
}

/// `{id, description}` and its relatives.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct NamedWire<'a> {
    #[serde(borrow)]
    pub id: Text<'a>,
    #[serde(borrow)]
    pub name: Text<'a>,
    #[serde(borrow)]
    pub description: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct SimWire<'a> {
    #[serde(borrow)]
    pub iccid: Text<'a>,
    /// Only platform 1.0 tells it.
    #[serde(borrow)]
    pub production_date: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ImsiWire<'a> {
    #[serde(borrow)]
    pub imsi: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct OperatorWire<'a> {
    #[serde(borrow)]
    pub id: Text<'a>,
    #[serde(borrow)]
    pub name: Text<'a>,
    #[serde(borrow)]
    pub mnc: Text<'a>,
    #[serde(borrow)]
    pub country: CountryWire<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct CountryWire<'a> {
    #[serde(borrow)]
    pub id: Text<'a>,
    #[serde(borrow)]
    pub mcc: Text<'a>,
    #[serde(borrow)]
    pub name: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct TariffWire<'a> {
    #[serde(borrow)]
    pub id: Text<'a>,
    #[serde(borrow)]
    pub ratezone: NamedWire<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct VolumeWire<'a> {
    #[serde(borrow)]
    pub total: Option<&'a RawValue>,
    #[serde(borrow)]
    pub tx: Option<&'a RawValue>,
    #[serde(borrow)]
    pub rx: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct UsageDetailWire<'a> {
    #[serde(borrow)]
    pub pdp_context: PdpContextWire<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct PdpContextWire<'a> {
    #[serde(borrow)]
    pub rat_type: Text<'a>,
    #[serde(borrow)]
    pub ipcan_session_id: Text<'a>,
}

/// The object of a part that may be missing or of another shape; then it tells nothing.
pub fn part<'a, T: Default + Deserialize<'a>>(raw: Option<&'a RawValue>) -> T {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok())
        .unwrap_or_default()
}

/// A string or a number as text; empty for null and for anything else.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Text<'a>(Cow<'a, str>);

impl Text<'_> {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `None` when there is none.
    pub fn some(&self) -> Option<&str> {
        (!self.0.is_empty()).then_some(&*self.0)
    }

    /// As a database takes it: NUL is no character there.
    pub fn stored(&self) -> String {
        self.0.replace('\0', "\u{fffd}")
    }

    /// A number in the range, or 0.
    pub fn small(&self, max: u32) -> u32 {
        self.0.parse().ok().filter(|number| *number <= max).unwrap_or(0)
    }
}

/// A value, or its default where another type stands.
#[derive(Debug, Default, Clone, Copy)]
pub struct Lax<T>(pub T);

impl<'de> Deserialize<'de> for Lax<bool> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Text::deserialize(deserializer).map(|text| Self(matches!(text.as_str(), "true" | "1")))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(number.to_string())))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(number.to_string())))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(number.to_string())))
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(if value { "true" } else { "false" })))
            }

            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(Text::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
                while sequence.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Text::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Text::default())
            }
        }

        deserializer.deserialize_any(Any)
    }
}
