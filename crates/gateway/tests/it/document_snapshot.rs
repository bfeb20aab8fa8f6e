//! What the document promises of every operation, a line each: whoever changes one sees it here.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// `api_key` and `bearer` ask for the same; a route without either is open to everybody.
fn permission(operation: &Value) -> String {
    let mut schemes = operation["security"].as_array().into_iter().flatten();
    let Some(scopes) = schemes.find_map(|scheme| scheme["api_key"].as_array()) else {
        return "everybody".to_owned();
    };
    match scopes.first() {
        Some(scope) => scope.as_str().unwrap().to_owned(),
        None => "every caller".to_owned(),
    }
}

/// The codes that the examples of an answer show.
fn codes(answer: &Value) -> BTreeSet<String> {
    let contents = answer["content"].as_object().into_iter().flatten();
    let examples = contents.flat_map(|(_, content)| {
        let named = content["examples"].as_object().into_iter().flatten();
        let named = named.map(|(_, example)| &example["value"]);
        named.chain(content.get("example"))
    });
    let codes = examples.filter_map(|example| example["error"]["code"].as_str());
    codes.map(ToOwned::to_owned).collect()
}

fn parameters(operation: &Value) -> Vec<String> {
    let given = operation["parameters"].as_array().into_iter().flatten();
    let names = given.map(|parameter| {
        let required = if parameter["required"] == true { "!" } else { "" };
        format!("{}{required}", parameter["name"].as_str().unwrap())
    });
    names.collect()
}

/// `ETag 200,304`: a header and the answers that have it; `*` when all do, `*-304` when all but that.
fn headers(answers: &serde_json::Map<String, Value>) -> Vec<String> {
    let has = |answer: &Value, name: &str| answer["headers"].get(name).is_some();
    let names = answers
        .values()
        .filter_map(|answer| answer["headers"].as_object());
    let names: BTreeSet<&String> = names.flat_map(serde_json::Map::keys).collect();
    let told = names.into_iter().map(|name| {
        let (with, without): (Vec<&String>, Vec<&String>) =
            answers.keys().partition(|status| has(&answers[*status], name));
        match without.as_slice() {
            [] => format!("{name} *"),
            [one] if with.len() > 1 => format!("{name} *-{one}"),
            _ => format!("{name} {}", join(&with, ",")),
        }
    });
    told.collect()
}

fn join(words: &[&String], between: &str) -> String {
    let words: Vec<&str> = words.iter().map(|word| word.as_str()).collect();
    words.join(between)
}

fn line(method: &str, path: &str, operation: &Value) -> String {
    let answers = operation["responses"].as_object().unwrap();
    let statuses = answers.iter().map(|(status, answer)| {
        let codes = codes(answer);
        let codes: Vec<&String> = codes.iter().collect();
        format!("{status} {}", join(&codes, " ")).trim_end().to_owned()
    });
    let statuses: Vec<String> = statuses.collect();
    let mut parameters = parameters(operation);
    let once = parameters.iter().any(|name| name == "Idempotency-Key");
    parameters.retain(|name| name != "Idempotency-Key");
    [
        format!("{} {path}", method.to_uppercase()),
        operation["operationId"].as_str().unwrap_or_default().to_owned(),
        permission(operation),
        if once { "once" } else { "not once" }.to_owned(),
        parameters.join(" "),
        statuses.join(", "),
        headers(answers).join(", "),
    ]
    .join(" | ")
}

#[test]
fn every_operation_is_as_it_was() {
    let document = serde_json::to_value(gateway::openapi()).unwrap();
    let paths = document["paths"].as_object().unwrap().iter();
    let lines = paths.flat_map(|(path, operations)| {
        let operations = operations.as_object().unwrap().iter();
        operations.map(|(method, operation)| ((path.clone(), method.clone()), line(method, path, operation)))
    });
    let lines: BTreeMap<(String, String), String> = lines.collect();
    let lines: Vec<String> = lines.into_values().collect();
    let head = "METHOD path | id | permission | Idempotency-Key | parameters | answers and codes | headers";
    insta::assert_snapshot!(format!("{head}\n{}", lines.join("\n")));
}
