//! What events tell of where a SIM is and whether it has a data session (FACTS §15.3).

use std::collections::BTreeMap;

use messages::pb::usage::{EventKind, EventRecord, Operator};
use serde_json::Value;

use crate::store::presence::{Fact, Place, Told};

const UPDATE_LOCATION: i32 = 1;
const CREATE_CONTEXT: i32 = 3;
const UPDATE_CONTEXT: i32 = 4;
const DELETE_CONTEXT: i32 = 5;

/// The newest that the events tell of each SIM, in the order of the ICCIDs, and the operators that they name.
pub fn facts(events: &[EventRecord]) -> (Vec<Fact>, BTreeMap<u32, Operator>) {
    let (mut facts, mut operators) = (BTreeMap::<i64, Fact>::new(), BTreeMap::new());
    for event in events {
        let tells = (UPDATE_LOCATION..=DELETE_CONTEXT).contains(&event.type_id);
        if !tells || event.iccid == 0 || event.kind() != EventKind::Network {
            continue;
        }
        let detail: Value = serde_json::from_str(&event.detail_json).unwrap_or_default();
        if let Some(operator) = operator(&detail) {
            operators.insert(operator.id, operator);
        }
        let told = read(event, &detail);
        if told.is_nothing() {
            continue;
        }
        match facts.get_mut(&told.iccid) {
            Some(held) => held.take_newer(&told),
            None => {
                facts.insert(told.iccid, told);
            }
        }
    }
    (facts.into_values().collect(), operators)
}

fn read(event: &EventRecord, detail: &Value) -> Fact {
    let context = &detail["pdp_context"];
    let online = match event.type_id {
        DELETE_CONTEXT => Some(false),
        // A refused session comes as these too: with an alert, or without a context.
        CREATE_CONTEXT | UPDATE_CONTEXT if context.is_object() && !event.alert && is_quiet(event) => {
            Some(true)
        }
        _ => None,
    };
    let mcc = small(&detail["country"]["mcc"]).or_else(|| small(&context["mcc"]));
    let operator = number(&detail["id"]).or_else(|| number(&context["operator_id"]));
    let operator = operator.unwrap_or(0).cast_signed();
    Fact {
        iccid: event.iccid.cast_signed(),
        online: online.map(|online| told(event, online)),
        place: mcc.map(|mcc| told(event, Place { mcc, operator })),
        rat: small(&context["rat_type"]).map(|rat| told(event, rat)),
    }
}

fn told<T>(event: &EventRecord, value: T) -> Told<T> {
    let at_ms = event.occurred_at_ms;
    Told { at_ms, value }
}

fn is_quiet(event: &EventRecord) -> bool {
    !matches!(event.severity.as_str(), "warn" | "error" | "critical")
}

/// The operator of a location that names it whole.
fn operator(detail: &Value) -> Option<Operator> {
    let country = &detail["country"];
    let text = |value: &Value| value.as_str().map(|text| text.replace('\0', "\u{fffd}"));
    Some(Operator {
        id: number(&detail["id"]).filter(|id| *id > 0)?,
        name: text(&detail["name"])?,
        mnc: text(&detail["mnc"][0]["mnc"]).or_else(|| text(&detail["pdp_context"]["mnc"]))?,
        country_id: number(&country["id"])?,
        mcc: number(&country["mcc"]).filter(|mcc| i16::try_from(*mcc).is_ok())?,
        country: text(&country["name"])?,
    })
}

/// A number, or a text that is one; it fits an `integer`.
fn number(value: &Value) -> Option<u32> {
    let number = match value {
        Value::String(text) => text.parse().ok(),
        value => value.as_u64(),
    }?;
    i32::try_from(number).ok().map(i32::cast_unsigned)
}

/// The same above 0, which fits a `smallint`: 0 means that nothing is told.
fn small(value: &Value) -> Option<i16> {
    i16::try_from(number(value)?).ok().filter(|number| *number > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ICCID: u64 = 8_988_280_666_000_000_001;

    fn event(type_id: i32, at: i64, detail: &Value) -> EventRecord {
        EventRecord {
            iccid: ICCID,
            occurred_at_ms: at,
            kind: EventKind::Network.into(),
            type_id,
            severity: "info".to_owned(),
            detail_json: detail.to_string(),
            ..EventRecord::default()
        }
    }

    fn german(rat: &Value) -> Value {
        json!({
            "id": 2, "name": "Example Mobile", "mnc": [{ "id": 1, "mnc": "01" }],
            "country": { "id": 74, "name": "Germany", "mcc": "262" }, "pdp_context": { "rat_type": rat },
        })
    }

    #[test]
    fn the_newest_event_counts_for_each_part_in_whatever_order() {
        let events = [
            event(5, 30, &json!({ "pdp_context": { "mcc": 222 } })),
            event(3, 10, &german(&json!("6"))),
            event(4, 20, &german(&json!(8))),
        ];
        let mut backwards = events.clone();
        backwards.reverse();

        let (told, operators) = facts(&events);

        let expected = Fact {
            iccid: ICCID.cast_signed(),
            online: Some(Told {
                at_ms: 30,
                value: false,
            }),
            place: Some(Told {
                at_ms: 30,
                value: Place {
                    mcc: 222,
                    operator: 0,
                },
            }),
            rat: Some(Told { at_ms: 20, value: 8 }),
        };
        assert_eq!(told, [expected]);
        assert_eq!(facts(&backwards).0, told);
        assert_eq!(operators[&2].country, "Germany");
    }

    #[test]
    fn a_refused_session_is_none() {
        let without_context = json!({ "country": { "mcc": "262" } });
        let alert = EventRecord {
            alert: true,
            ..event(3, 1, &german(&json!(6)))
        };
        for refused in [event(3, 1, &without_context), alert] {
            let (told, _) = facts(&[refused]);
            assert_eq!(told[0].online, None);
            assert_eq!(told[0].place.map(|told| told.value.mcc), Some(262));
        }
    }

    #[test]
    fn what_is_no_location_and_no_session_tells_nothing() {
        let quota = event(19, 1, &german(&json!(6)));
        let odd = event(
            2,
            1,
            &json!({ "country": { "mcc": "nowhere" }, "id": -4, "pdp_context": { "rat_type": 99_999 } }),
        );
        let text = EventRecord {
            detail_json: "no JSON".to_owned(),
            ..event(3, 1, &json!(null))
        };
        assert_eq!(facts(&[quota, odd, text]).0, []);
    }
}
