//! Operations, their answers, and the document as a whole.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Document, Operation, has_text, none};

/// What the name of an operation begins with, so that it can be a method's name.
const VERBS: [&str; 20] = [
    "cancel", "change", "check", "create", "delete", "export", "extend", "get", "import", "list", "pause",
    "refresh", "replay", "resume", "revoke", "start", "stream", "transfer", "update", "verify",
];
/// Verbs that say all without a noun.
const ALONE: [&str; 2] = ["login", "logout"];

#[test]
fn operations_are_named_by_a_verb_and_a_noun_each_by_another() {
    let document = Document::new();
    let ids = document.operations().into_iter().map(|operation| {
        let id = operation.it["operationId"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        (id, operation.name)
    });
    let ids: Vec<(String, String)> = ids.collect();
    let unique: BTreeSet<&String> = ids.iter().map(|(id, _)| id).collect();
    assert_eq!(unique.len(), ids.len(), "{ids:?}");
    let is_good = |id: &str| {
        let verb = id.split_once('_').map(|(verb, _)| verb);
        ALONE.contains(&id) || verb.is_some_and(|verb| VERBS.contains(&verb))
    };
    let bad = ids.iter().filter(|(id, _)| !is_good(id));
    none(
        "names are a verb and a noun",
        bad.map(|(id, name)| format!("{name}: {id}")),
    );
}

#[test]
fn every_tag_is_described_and_used() {
    let document = Document::new();
    let described = document.0["tags"].as_array().into_iter().flatten();
    let described = described.filter(|tag| has_text(&tag["description"]));
    let described: BTreeSet<&str> = described.filter_map(|tag| tag["name"].as_str()).collect();
    let operations = document.operations();
    let used = operations
        .iter()
        .flat_map(|operation| operation.it["tags"].as_array().into_iter().flatten());
    let used: BTreeSet<&str> = used.filter_map(Value::as_str).collect();
    assert_eq!(described, used);
}

#[test]
fn the_document_says_where_the_server_is_and_whom_to_ask() {
    let Document(root) = Document::new();
    assert!(has_text(&root["servers"][0]["url"]), "{}", root["servers"]);
    let contact = &root["info"]["contact"];
    assert!(
        has_text(&contact["name"]) || has_text(&contact["url"]),
        "{contact}"
    );
}

#[test]
fn every_operation_says_which_credentials_it_wants() {
    let document = Document::new();
    let schemes = document.0["components"]["securitySchemes"].as_object().unwrap();
    let known = |one: &Value| {
        one.as_object()
            .unwrap()
            .keys()
            .all(|name| schemes.contains_key(name))
    };
    let says = |operation: &Operation<'_>| {
        let wanted = operation.it["security"].as_array();
        wanted.is_some_and(|wanted| wanted.iter().all(known))
    };
    let bad = document
        .operations()
        .into_iter()
        .filter(|operation| !says(operation));
    none(
        "operations say `security`, if only []",
        bad.map(|operation| operation.name),
    );
}

#[test]
fn every_answer_of_the_api_describes_the_headers_that_name_its_request() {
    let document = Document::new();
    let mut bad = Vec::new();
    for operation in document.operations() {
        if !operation.path.starts_with("/api/") {
            continue;
        }
        for name in ["X-Request-Id", "X-Trace-Id"] {
            let mut answers = operation.answers().iter();
            if let Some((status, _)) = answers.find(|(_, answer)| !document.has_header(answer, name)) {
                bad.push(format!("{}: {name} of {status}", operation.name));
            }
        }
    }
    none("answers describe these headers", bad);
}

#[test]
fn every_body_has_an_example() {
    let document = Document::new();
    let mut bad = Vec::new();
    for operation in document.operations() {
        let good = operation
            .answers()
            .iter()
            .filter(|(status, _)| status.starts_with('2'));
        let bodies = good
            .map(|(_, answer)| answer)
            .chain(operation.it.get("requestBody"));
        for (media, content) in bodies.filter_map(|body| body["content"].as_object()).flatten() {
            let several = content["examples"]
                .as_object()
                .is_some_and(|examples| !examples.is_empty());
            if !several && content.get("example").is_none() {
                bad.push(format!("{} {media}", operation.name));
            }
        }
    }
    none("bodies have an example", bad);
}
