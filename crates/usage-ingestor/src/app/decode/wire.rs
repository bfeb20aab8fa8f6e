//! The fields of the Data Streamer's JSON that are read. Others are passed over.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// A usage record, an event or an SMS event: which one tells [`super::kind::Kind`]. Parts that have another shape than
/// this are read by [`LooseWire`] instead.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct RecordWire<'a> {
    #[serde(borrow)]
    pub id: Text<'a>,
    #[serde(borrow)]
    pub start_timestamp: Text<'a>,
    #[serde(borrow)]
    pub end_timestamp: Text<'a>,
    #[serde(borrow)]
    pub timestamp: Text<'a>,
    #[serde(borrow)]
    pub submit_date: Text<'a>,
    #[serde(borrow)]
    pub final_date: Text<'a>,
    pub imsi: ImsiWire,
    #[serde(borrow)]
    pub sim: Option<SimWire<'a>>,
    #[serde(borrow)]
    pub endpoint: Option<NamedWire<'a>>,
    #[serde(borrow)]
    pub operator: Option<OperatorWire<'a>>,
    #[serde(borrow)]
    pub tariff: Option<TariffWire<'a>>,
    #[serde(borrow)]
    pub traffic_type: Option<NamedWire<'a>>,
    #[serde(borrow)]
    pub volume: Option<VolumeWire<'a>>,
    #[serde(borrow)]
    pub detail: Option<&'a RawValue>,
    #[serde(borrow)]
    pub event_type: Option<NamedWire<'a>>,
    #[serde(borrow)]
    pub event_severity: Option<NamedWire<'a>>,
    #[serde(borrow)]
    pub event_source: Option<NamedWire<'a>>,
    #[serde(borrow)]
    pub alert: Text<'a>,
    #[serde(borrow)]
    pub description: Text<'a>,
    #[serde(borrow)]
    pub user: Text<'a>,
    #[serde(borrow)]
    pub status: Option<StatusWire<'a>>,
    #[serde(borrow)]
    pub payload: Option<&'a RawValue>,
}

impl<'a> RecordWire<'a> {
    /// Reads an object whose parts have the usual shapes in one go, and any other object part by part.
    ///
    /// # Errors
    /// When it is no object.
    pub fn read(raw: &'a str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(raw).or_else(|_| serde_json::from_str::<LooseWire<'a>>(raw).map(Self::from))
    }
}

/// The same with every part unread, so that a strange one does not spoil the others.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct LooseWire<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    start_timestamp: Text<'a>,
    #[serde(borrow)]
    end_timestamp: Text<'a>,
    #[serde(borrow)]
    timestamp: Text<'a>,
    #[serde(borrow)]
    submit_date: Text<'a>,
    #[serde(borrow)]
    final_date: Text<'a>,
    imsi: ImsiWire,
    #[serde(borrow)]
    sim: Option<&'a RawValue>,
    #[serde(borrow)]
    endpoint: Option<&'a RawValue>,
    #[serde(borrow)]
    operator: Option<&'a RawValue>,
    #[serde(borrow)]
    tariff: Option<&'a RawValue>,
    #[serde(borrow)]
    traffic_type: Option<&'a RawValue>,
    #[serde(borrow)]
    volume: Option<&'a RawValue>,
    #[serde(borrow)]
    detail: Option<&'a RawValue>,
    #[serde(borrow)]
    event_type: Option<&'a RawValue>,
    #[serde(borrow)]
    event_severity: Option<&'a RawValue>,
    #[serde(borrow)]
    event_source: Option<&'a RawValue>,
    #[serde(borrow)]
    alert: Text<'a>,
    #[serde(borrow)]
    description: Text<'a>,
    #[serde(borrow)]
    user: Text<'a>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
}

impl<'a> From<LooseWire<'a>> for RecordWire<'a> {
    fn from(loose: LooseWire<'a>) -> Self {
        Self {
            id: loose.id,
            start_timestamp: loose.start_timestamp,
            end_timestamp: loose.end_timestamp,
            timestamp: loose.timestamp,
            submit_date: loose.submit_date,
            final_date: loose.final_date,
            imsi: loose.imsi,
            sim: loose.sim.map(part),
            endpoint: loose.endpoint.map(part),
            operator: loose.operator.map(part),
            tariff: loose.tariff.map(part),
            traffic_type: loose.traffic_type.map(part),
            volume: loose.volume.map(part),
            detail: loose.detail,
            event_type: loose.event_type.map(part),
            event_severity: loose.event_severity.map(part),
            event_source: loose.event_source.map(part),
            alert: loose.alert,
            description: loose.description,
            user: loose.user,
            status: loose.status.map(part),
            payload: loose.payload,
        }
    }
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
pub struct StatusWire<'a> {
    #[serde(borrow)]
    pub status: Text<'a>,
}

/// 15 digits: text in a usage record, in an object in an event; 0 for anything else.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct ImsiWire(pub u64);

impl ImsiWire {
    fn of(text: &Text<'_>) -> Self {
        let number = text.as_str().parse().ok();
        Self(
            number
                .filter(|number| *number < 1_000_000_000_000_000)
                .unwrap_or(0),
        )
    }
}

impl<'de> Deserialize<'de> for ImsiWire {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Object<'a> {
            #[serde(borrow)]
            imsi: Text<'a>,
        }

        let raw = <&RawValue>::deserialize(deserializer)?;
        if raw.get().starts_with('{') {
            return Ok(Self::of(&part::<Object<'_>>(raw).imsi));
        }
        Ok(Self::of(&part(raw)))
    }
}

#[derive(Debug, Default, Clone, Deserialize)]
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

#[derive(Debug, Default, Clone, Deserialize)]
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

/// The object of a part; one of another shape tells nothing.
pub fn part<'a, T: Default + Deserialize<'a>>(raw: &'a RawValue) -> T {
    serde_json::from_str(raw.get()).unwrap_or_default()
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
