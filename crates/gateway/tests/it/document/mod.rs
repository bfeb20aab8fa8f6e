//! What a maker of SDKs needs of the document. That examples fit their schemas, Redocly says (tests-e2e/contract/document).

mod operations;
mod schemas;

use std::collections::BTreeSet;

use serde_json::{Map, Value};

struct Document(Value);

struct Operation<'a> {
    name: String,
    path: &'a str,
    it: &'a Value,
}

impl Document {
    fn new() -> Self {
        Self(serde_json::to_value(gateway::openapi()).unwrap())
    }

    fn operations(&self) -> Vec<Operation<'_>> {
        let paths = self.0["paths"].as_object().unwrap().iter();
        let operations = paths.flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().iter();
            methods.map(move |(method, it)| {
                let name = format!("{} {path}", method.to_uppercase());
                Operation { name, path, it }
            })
        });
        operations.collect()
    }

    fn operation(&self, name: &str) -> Operation<'_> {
        let found = self
            .operations()
            .into_iter()
            .find(|operation| operation.name == name);
        found.unwrap_or_else(|| panic!("{name} is not documented"))
    }

    fn components(&self) -> &Map<String, Value> {
        self.0["components"]["schemas"].as_object().unwrap()
    }

    /// The schema itself where a reference, or a choice between it and null, stands for it.
    fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        if let Some(reference) = schema["$ref"].as_str() {
            return self.resolve(self.0.pointer(&reference[1..]).unwrap());
        }
        let choices = ["oneOf", "anyOf"]
            .into_iter()
            .filter_map(|word| schema[word].as_array());
        let things: Vec<&Value> = choices.flatten().filter(|one| one["type"] != "null").collect();
        match things.as_slice() {
            [only] => self.resolve(only),
            _ => schema,
        }
    }

    fn may_be_null(&self, schema: &Value) -> bool {
        if schema["$ref"].is_string() {
            return self.may_be_null(self.resolve(schema));
        }
        let kinds = schema["type"].as_array().into_iter().flatten();
        let choices = ["oneOf", "anyOf"]
            .into_iter()
            .filter_map(|word| schema[word].as_array());
        kinds.chain([&schema["type"]]).any(|kind| kind == "null")
            || choices.flatten().any(|one| self.may_be_null(one))
    }

    /// What stands at `data.[].status` of a schema.
    fn at<'a>(&'a self, schema: &'a Value, path: &str) -> &'a Value {
        path.split('.').fold(self.resolve(schema), |schema, step| {
            let part = if step == "[]" {
                schema.get("items")
            } else {
                self.property(schema, step)
            };
            self.resolve(part.unwrap_or_else(|| panic!("there is no {path}")))
        })
    }

    fn property<'a>(&'a self, schema: &'a Value, name: &str) -> Option<&'a Value> {
        let mut parts = schema["allOf"].as_array().into_iter().flatten();
        let own = schema["properties"].get(name);
        own.or_else(|| parts.find_map(|part| self.property(self.resolve(part), name)))
    }

    /// Whether an answer describes this header.
    fn has_header(&self, answer: &Value, name: &str) -> bool {
        has_text(&self.resolve(&answer["headers"][name])["description"])
    }

    /// Every component that a part of the document leads to.
    fn reached(&self, part: &Value) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        self.walk(part, "", &mut names, &mut |_, _| {});
        names
    }

    /// Visits every object in a part of the document and in the components that it leads to, each component once.
    fn walk(
        &self,
        part: &Value,
        place: &str,
        names: &mut BTreeSet<String>,
        visit: &mut dyn FnMut(&str, &Map<String, Value>),
    ) {
        let parts: Vec<&Value> = match part {
            Value::Array(list) => list.iter().collect(),
            Value::Object(object) => {
                visit(place, object);
                let reference = object.get("$ref").and_then(Value::as_str);
                let name = reference.and_then(|name| name.strip_prefix("#/components/schemas/"));
                if let Some(name) = name.filter(|name| names.insert((*name).to_owned())) {
                    self.walk(&self.components()[name], name, names, visit);
                }
                let own = object
                    .iter()
                    .filter(|(key, _)| !["example", "examples"].contains(&key.as_str()));
                own.map(|(_, value)| value).collect()
            }
            _ => Vec::new(),
        };
        for part in parts {
            self.walk(part, place, names, visit);
        }
    }
}

impl<'a> Operation<'a> {
    fn answers(&self) -> &'a Map<String, Value> {
        self.it["responses"].as_object().unwrap()
    }

    /// The schema of the JSON answer when all is well.
    fn answer(&self) -> Option<&'a Value> {
        let (_, good) = self
            .answers()
            .iter()
            .find(|(status, _)| status.starts_with('2'))?;
        json(good).map(|content| &content["schema"])
    }
}

fn json(answer: &Value) -> Option<&Value> {
    answer["content"].get("application/json")
}

fn has_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.trim().is_empty())
}

/// Fails with everything that breaks a rule.
#[track_caller]
fn none(rule: &str, broken: impl IntoIterator<Item = impl ToString>) {
    let broken: Vec<String> = broken.into_iter().map(|one| one.to_string()).collect();
    assert!(
        broken.is_empty(),
        "{rule}: {} do not\n{}",
        broken.len(),
        broken.join("\n")
    );
}
