//! The AsyncAPI document of the events, made of the compiled schemas and their comments.

mod examples;
mod schema;

use serde_json::{Map, Value, json};

use crate::events::{EventType, decode_event};
use crate::streams::EVENTS;
use schema::Schema;

const INFO: &str = "What Simward announces on NATS. The events lie in the JetStream stream EVENTS for 7 days or 4 GiB; \
    read them with a consumer of your own. Headers are CloudEvents 1.0 in binary mode, payloads are Protobuf. The payload \
    schemas describe the decoded message as Simward itself writes it as JSON, in `/api/v1/events/stream` and `simward events \
    tail`. Delivery is at least once: treat `ce-id` as the key. `revision` orders the events of one SIM.";

const LOGIN: &str = "User and password of the read-only login. It may make consumers of the stream EVENTS and read from \
    them, with replies under `_INBOX`; it may publish nothing else and read nothing else.";

const ADDRESS_ICCID: &str = "The SIM, 19 digits; `-` in events that are about no single SIM.";

/// The AsyncAPI 3.0 document: a channel, a message with an example, and the payload's schema for every event type.
pub fn asyncapi() -> Value {
    let mut schemas = Map::from_iter([("CloudEvent".to_owned(), cloud_event())]);
    let (mut channels, mut operations, mut messages) = (Map::new(), Map::new(), Map::new());
    for event in EventType::ALL.iter().copied() {
        let word = event.word();
        if let Some(payload) = Schema::find(event.schema()) {
            payload.describe(&mut schemas);
            messages.insert(word.to_owned(), message(event, payload));
        }
        channels.insert(word.to_owned(), channel(event));
        operations.insert(word.to_owned(), operation(word));
    }
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Simward events", "version": env!("CARGO_PKG_VERSION"), "description": INFO,
            "license": { "name": "MIT" },
        },
        "defaultContentType": "application/protobuf",
        "servers": { "nats": {
            "host": "{host}", "protocol": "nats", "description": "NATS with JetStream, as NATS_URL names it.",
            "variables": { "host": { "default": "localhost:4222", "description": "Host and port of the NATS server." } },
            "security": [{ "$ref": "#/components/securitySchemes/consumer" }],
        } },
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": messages,
            "schemas": schemas,
            "securitySchemes": { "consumer": { "type": "userPassword", "description": LOGIN } },
        },
    })
}

/// Whether its subject ends with an ICCID.
fn is_about_a_sim(event: EventType) -> bool {
    event.word().starts_with("sim.")
}

fn channel(event: EventType) -> Value {
    let word = event.word();
    let iccid = if is_about_a_sim(event) {
        json!({ "description": ADDRESS_ICCID, "examples": [examples::ICCID] })
    } else {
        json!({ "description": ADDRESS_ICCID, "enum": ["-"], "default": "-" })
    };
    json!({
        "address": format!("evt.v1.{word}.{{iccid}}"),
        "description": format!("Events {word} of the stream {}.", EVENTS.name),
        "servers": [{ "$ref": "#/servers/nats" }],
        "messages": { word: { "$ref": format!("#/components/messages/{word}") } },
        "parameters": { "iccid": iccid },
    })
}

fn operation(word: &str) -> Value {
    json!({
        "action": "send", "summary": format!("Simward announces {word}."),
        "channel": { "$ref": format!("#/channels/{word}") },
        "messages": [{ "$ref": format!("#/channels/{word}/messages/{word}") }],
    })
}

fn message(event: EventType, payload: Schema) -> Value {
    let word = event.word();
    let name = event.schema().rsplit('.').next().unwrap_or_default();
    let comment = payload.comment();
    let description = comment.strip_prefix(&format!("{word}: ")).unwrap_or(&comment);
    json!({
        "name": word, "title": name, "description": description,
        "contentType": "application/protobuf",
        "headers": { "allOf": [
            { "$ref": "#/components/schemas/CloudEvent" },
            { "type": "object", "properties": { "ce-type": { "const": word } } },
        ] },
        "payload": { "$ref": format!("#/components/schemas/{name}") },
        "x-protobuf": { "file": payload.file(), "message": event.schema() },
        "examples": [example(event)],
    })
}

/// The headers and the decoded payload of one event.
fn example(event: EventType) -> Value {
    let decoded = decode_event(event, &examples::payload(event)).map(|decoded| json!(decoded));
    let source = if event.word().starts_with("usage.") {
        "usage-ingestor"
    } else {
        "sim-service"
    };
    let mut headers = json!({
        "ce-specversion": "1.0", "ce-id": "019cf7a0-0000-7000-8000-000000000003", "ce-type": event.word(),
        "ce-source": source, "ce-time": "2026-07-01T12:00:00.000000Z", "content-type": "application/protobuf",
    });
    let payload = decoded.unwrap_or_default();
    if is_about_a_sim(event) {
        headers["ce-subject"] = json!(examples::ICCID);
    }
    if is_about_a_sim(event) || payload.get("organization_id").is_some() {
        headers["ce-organizationid"] = json!(examples::ORGANIZATION);
    }
    json!({ "name": event.word(), "headers": headers, "payload": payload })
}

fn cloud_event() -> Value {
    let text = |description: &str| json!({ "type": "string", "description": description });
    json!({
        "type": "object",
        "description": "CloudEvents 1.0 in binary mode: one NATS header per attribute.",
        "properties": {
            "ce-specversion": { "const": "1.0" },
            "ce-id": { "type": "string", "format": "uuid", "description": "Unique; also the JetStream message id." },
            "ce-type": text("The event type, also the two tokens in the subject."),
            "ce-source": text("The service that saw it happen."),
            "ce-time": { "type": "string", "format": "date-time", "description": "When it happened, UTC." },
            "ce-subject": text("The ICCID, if the event is about one SIM."),
            "ce-organizationid": {
                "type": "string", "format": "uuid",
                "description": "The tenant. Without it the event concerns the whole platform.",
            },
            "content-type": { "const": "application/protobuf" },
            "traceparent": text("W3C trace context, where a trace exists."),
        },
        "required": ["ce-specversion", "ce-id", "ce-type", "ce-source", "ce-time", "content-type"],
    })
}
