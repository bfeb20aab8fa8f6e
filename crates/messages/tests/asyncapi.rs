//! The AsyncAPI document says everything about every event, and its examples are what is really decoded.

use std::collections::BTreeSet;

use messages::{EventType, asyncapi};
use serde_json::Value;

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_else(|| panic!("no text at {pointer} of {value}"))
}

#[test]
fn every_event_has_a_channel_a_message_a_description_and_an_example() {
    let document = asyncapi();
    for event in EventType::ALL {
        let word = event.word();
        let channel = &document["channels"][word];
        assert_eq!(text(channel, "/address"), format!("evt.v1.{word}.{{iccid}}"));
        assert!(channel["parameters"]["iccid"].is_object());
        let message = follow(&document, &channel["messages"][word]);
        assert!(text(message, "/description").len() > 20, "{word}: {message}");
        assert_eq!(text(message, "/contentType"), "application/protobuf");
        assert_eq!(
            message["headers"]["allOf"][1]["properties"]["ce-type"]["const"],
            word
        );
        assert!(text(message, "/x-protobuf/file").ends_with("events.proto"));
        let example = &message["examples"][0];
        assert_eq!(text(example, "/headers/ce-type"), word);
        check(&document, &message["payload"], &example["payload"], word);
        check(
            &document,
            &message["headers"]["allOf"][0],
            &example["headers"],
            word,
        );
    }
    for part in ["channels", "operations"] {
        assert_eq!(
            document[part].as_object().unwrap().len(),
            EventType::ALL.len(),
            "{part}"
        );
    }
}

#[test]
fn comments_and_types_come_from_the_schemas() {
    let schemas = &asyncapi()["components"]["schemas"];
    let sim = &schemas["Sim"]["properties"];
    assert_eq!(text(sim, "/iccid/description"), "19 digits.");
    assert_eq!(sim["revision"]["format"], "int64");
    assert_eq!(sim["imei_lock"]["type"], serde_json::json!(["boolean", "null"]));
    assert_eq!(sim["created_at"]["format"], "date-time");
    let recorded = &schemas["UsageRecorded"]["properties"]["sims"];
    assert_eq!(
        text(recorded, "/items/$ref"),
        "#/components/schemas/SimUsageDelta"
    );
}

#[test]
fn the_document_has_what_asyncapi_requires_and_every_reference_leads_somewhere() {
    let document = asyncapi();
    assert_eq!(text(&document, "/asyncapi"), "3.0.0");
    for pointer in [
        "/info/title",
        "/info/version",
        "/servers/nats/host",
        "/servers/nats/protocol",
    ] {
        assert!(!text(&document, pointer).is_empty(), "{pointer}");
    }
    assert_eq!(
        text(&document, "/components/securitySchemes/consumer/type"),
        "userPassword"
    );
    for operation in document["operations"].as_object().unwrap().values() {
        assert_eq!(text(operation, "/action"), "send");
        assert!(follow(&document, &operation["channel"])["address"].is_string());
    }
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(references.len() > 4 * EventType::ALL.len());
    for reference in references {
        assert!(at(&document, reference).is_object(), "{reference}");
    }
}

fn collect<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(object) => {
            found.extend(object.get("$ref").and_then(Value::as_str));
            object.values().for_each(|value| collect(value, found));
        }
        Value::Array(list) => list.iter().for_each(|value| collect(value, found)),
        _ => {}
    }
}

fn at<'a>(document: &'a Value, reference: &str) -> &'a Value {
    let pointer = reference.trim_start_matches('#');
    document.pointer(pointer).unwrap_or(&Value::Null)
}

fn follow<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value.get("$ref").and_then(Value::as_str) {
        Some(reference) => at(document, reference),
        None => value,
    }
}

/// The part of JSON Schema that the document uses.
fn check(document: &Value, schema: &Value, value: &Value, place: &str) {
    let schema = follow(document, schema);
    if let Some(variants) = schema["oneOf"].as_array() {
        let null = variants.iter().any(|variant| variant["type"] == "null");
        assert!(null, "{place}: {schema}");
        if !value.is_null() {
            check(document, &variants[0], value, place);
        }
        return;
    }
    if let Some(constant) = schema.get("const") {
        assert_eq!(constant, value, "{place}");
        return;
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if schema["type"] == "integer" && (number.is_i64() || number.is_u64()) => {
            "integer"
        }
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let allowed = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        one => BTreeSet::from_iter(one.as_str()),
    };
    let integer_or_null = allowed.contains("integer") && value.is_i64();
    assert!(
        allowed.contains(kind) || integer_or_null,
        "{place}: {value} is no {schema}"
    );
    if let Value::Array(items) = value {
        for item in items {
            check(document, &schema["items"], item, place);
        }
    }
    if let Value::Object(fields) = value {
        for (name, value) in fields {
            let property = schema["properties"].get(name);
            let property = property.unwrap_or_else(|| panic!("{place}.{name} is not described"));
            check(document, property, value, &format!("{place}.{name}"));
        }
        for name in schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            assert!(fields.contains_key(name), "{place} lacks {name}");
        }
    }
}
