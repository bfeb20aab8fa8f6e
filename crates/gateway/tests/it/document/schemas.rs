//! Components, and what the schemas of answers say.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::{Document, has_text, json, none};

/// Texts of a closed list: the answer to a GET, and where they stand in it.
const CLOSED_LISTS: [(&str, &[&str]); 12] = [
    ("/api/v1/sims", &["data.[].status"]),
    (
        "/api/v1/sims/{iccid}",
        &[
            "data.status",
            "data.data_quota_status",
            "data.sms_quota_status",
            "data.data_quota.status",
            "data.sms_quota.status",
        ],
    ),
    ("/api/v1/sims/{iccid}/status", &["data.status"]),
    ("/api/v1/users", &["data.[].role"]),
    ("/api/v1/api-keys", &["data.[].scopes.[]"]),
    (
        "/api/v1/auth/me",
        &["data.kind", "data.role", "data.permissions.[]"],
    ),
    ("/api/v1/jobs", &["data.[].status", "data.[].kind"]),
    ("/api/v1/jobs/{id}", &["data.status", "data.kind"]),
    ("/api/v1/jobs/{id}/results", &["data.[].outcome"]),
    (
        "/api/v1/sync/status",
        &[
            "data.accounts.[].breaker",
            "data.accounts.[].running.state",
            "data.accounts.[].running.reason",
        ],
    ),
    (
        "/api/v1/ingest/status",
        &["data.streams.[].state", "data.streams.[].stream"],
    ),
    ("/health", &["status"]),
];

/// The names of components that the types of a source file have; one that a macro makes has none here.
fn component_names(text: &str) -> impl Iterator<Item = &str> {
    text.split("#[derive(").skip(1).filter_map(|after| {
        let (derived, rest) = after.split_once(")]")?;
        // Attributes stand between the derive and the name.
        let mut lines = rest.lines();
        let item = lines.find(|line| line.contains("struct ") || line.contains("enum "))?;
        let (attributes, _) = rest.split_once(item)?;
        let own = item.split_once("struct ").or(item.split_once("enum "));
        let (_, name) = attributes.split_once("schema(as = ").or(own)?;
        let end = name.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
        let name = &name[..end.unwrap_or(name.len())];
        (derived.contains("ToSchema") && !name.is_empty()).then_some(name)
    })
}

fn read_types(folder: &Path, found: &mut BTreeMap<String, Vec<String>>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_types(&path, found);
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for name in component_names(&text) {
            let places = found.entry(name.to_owned()).or_default();
            places.push(path.display().to_string());
        }
    }
}

#[test]
fn two_types_never_share_the_name_of_a_component() {
    let mut found = BTreeMap::new();
    read_types(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    assert!(found.len() > 20, "this test no longer sees the types: {found:?}");
    let shared = found.into_iter().filter(|(_, places)| places.len() > 1);
    none(
        "names are of one type",
        shared.map(|(name, places)| format!("{name}: {places:?}")),
    );
}

#[test]
fn every_component_is_used_and_described() {
    let document = Document::new();
    let used = document.reached(&document.0["paths"]);
    let unused = document.components().keys().filter(|name| !used.contains(*name));
    none("components are used", unused);
    let bare = document
        .components()
        .iter()
        .filter(|(_, schema)| !has_text(&schema["description"]));
    none("components are described", bare.map(|(name, _)| name));
}

#[test]
fn what_an_envelope_holds_is_a_reference() {
    let document = Document::new();
    let mut bad = Vec::new();
    for operation in document.operations() {
        let Some(answer) = operation.answer() else {
            continue;
        };
        let Some(data) = document.resolve(answer)["properties"].get("data") else {
            continue;
        };
        let thing = if data["type"] == "array" {
            &data["items"]
        } else {
            data
        };
        if !thing["$ref"].is_string() {
            bad.push(operation.name);
        }
    }
    none("`data`, or each thing in it, is a reference", bad);
}

#[test]
fn one_thing_has_one_component_wherever_it_is_answered() {
    let document = Document::new();
    let thing = |name: &str| {
        let operation = document.operation(name);
        let data = &document.resolve(operation.answer().unwrap())["properties"]["data"];
        let data = if data["type"] == "array" {
            &data["items"]
        } else {
            data
        };
        data["$ref"].as_str().map(ToOwned::to_owned)
    };
    for (list, one) in [
        ("/api/v1/sims", "/api/v1/sims/{iccid}"),
        ("/api/v1/users", "/api/v1/users/{id}"),
        ("/api/v1/api-keys", "/api/v1/api-keys/{id}"),
    ] {
        let things: BTreeSet<Option<String>> =
            [format!("GET {list}"), format!("GET {one}"), format!("PUT {one}")]
                .map(|name| thing(&name))
                .into();
        assert!(things.len() == 1 && !things.contains(&None), "{one}: {things:?}");
    }
}

#[test]
fn words_of_a_closed_list_are_listed() {
    let document = Document::new();
    let mut bad = Vec::new();
    for (path, places) in CLOSED_LISTS {
        let operation = document.operation(&format!("GET {path}"));
        for place in places {
            let schema = document.at(operation.answer().unwrap(), place);
            if schema["enum"].as_array().is_none_or(|words| words.len() < 2) {
                bad.push(format!("{}: {place}", operation.name));
            }
        }
    }
    none("words are listed", bad);
}

#[test]
fn the_codes_of_errors_are_a_closed_list() {
    let document = Document::new();
    let listed = document.at(&document.components()["Failure"], "error.code");
    let listed = listed["enum"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    let listed: BTreeSet<&str> = listed.collect();
    let mut shown = BTreeSet::from(["METHOD_NOT_ALLOWED"]);
    let operations = document.operations();
    for answer in operations
        .iter()
        .flat_map(|operation| operation.answers().values())
    {
        let Some(content) = json(answer) else { continue };
        let named = content["examples"].as_object().into_iter().flatten();
        let examples = named
            .map(|(_, example)| &example["value"])
            .chain(content.get("example"));
        shown.extend(examples.filter_map(|example| example["error"]["code"].as_str()));
    }
    assert_eq!(listed, shown);
}

#[test]
fn what_may_be_null_is_always_there() {
    let document = Document::new();
    let (mut bad, mut names) = (Vec::new(), BTreeSet::new());
    for operation in document.operations() {
        for content in operation.answers().values().filter_map(json) {
            document.walk(
                &content["schema"],
                &operation.name,
                &mut names,
                &mut |place, schema| {
                    let required = schema.get("required").and_then(Value::as_array);
                    let properties = schema.get("properties").and_then(Value::as_object);
                    for (name, property) in properties.into_iter().flatten() {
                        let is_there = required.is_some_and(|names| names.iter().any(|one| one == name));
                        if document.may_be_null(property) && !is_there {
                            bad.push(format!("{place}: {name}"));
                        }
                    }
                },
            );
        }
    }
    none("what may be null is required", bad);
}

#[test]
fn the_stream_names_the_schema_of_its_events() {
    let document = Document::new();
    let stream = document.operation("GET /api/v1/events/stream");
    let names = document.reached(&stream.answers()["200"]["content"]["text/event-stream"]);
    let wanted = ["id", "type", "source", "time", "iccid", "organization_id", "data"];
    let is_event = |name: &String| {
        wanted
            .iter()
            .all(|word| !document.components()[name]["properties"][word].is_null())
    };
    assert!(names.iter().any(is_event), "{names:?}");
}
