//! What the READMEs say about methods is what the schemas declare.
//!
//! After adding a method: `RECORD_SCHEMAS=1 cargo test -p messages --test methods`.

use std::path::{Path, PathBuf};

use prost::Message;
use prost_types::{FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto};

const BEGIN: &str = "<!-- methods: made of the schemas -->\n";
const END: &str = "<!-- end of methods -->\n";
/// Numbers of the descriptor's fields, of which the place of a comment is made.
const SERVICE: i32 = 6;
const METHOD: i32 = 2;

fn folder(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn schemas() -> FileDescriptorSet {
    let bytes = include_bytes!(concat!(env!("OUT_DIR"), "/schemas.bin"));
    FileDescriptorSet::decode(bytes.as_slice()).unwrap_or_else(|error| panic!("{error}"))
}

/// A method: the service's word in subjects, itself, and what its comment says.
struct Declared<'a> {
    word: &'a str,
    method: &'a MethodDescriptorProto,
    comment: String,
}

/// Every method, service by service.
fn declared(schemas: &FileDescriptorSet) -> Vec<Declared<'_>> {
    let mut all = Vec::new();
    for file in &schemas.file {
        let word = file.package().split('.').nth(1).unwrap_or_default();
        for (service, at) in file.service.iter().zip(0..) {
            for (method, place) in service.method.iter().zip(0..) {
                let comment = comment(file, at, place);
                all.push(Declared {
                    word,
                    method,
                    comment,
                });
            }
        }
    }
    all.sort_by_key(|one| one.word);
    all
}

fn comment(file: &FileDescriptorProto, service: i32, method: i32) -> String {
    let path = [SERVICE, service, METHOD, method];
    let locations = file.source_code_info.iter().flat_map(|info| &info.location);
    let found = locations.into_iter().find(|location| location.path == path);
    let text = found.map(|location| location.leading_comments().trim().replace('\n', " "));
    text.filter(|text| !text.is_empty())
        .unwrap_or_else(|| panic!("method {method} of {} has no comment", file.name()))
}

fn last(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

fn table(schemas: &FileDescriptorSet) -> String {
    let mut text = "| method | asks | answers | |\n|---|---|---|---|\n".to_owned();
    for one in declared(schemas) {
        text += &format!(
            "| `rpc.v1.{}.{}` | `{}` | `{}` | {} |\n",
            one.word,
            one.method.name(),
            last(one.method.input_type()),
            last(one.method.output_type()),
            one.comment
        );
    }
    text
}

#[test]
fn the_table_of_methods_is_what_the_schemas_declare() {
    let path = folder("../../proto-schemas/README.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the table begins");
    let (written, after) = rest.split_once(END).expect("the table ends");
    let expected = table(&schemas());
    if std::env::var_os("RECORD_SCHEMAS").is_some() {
        std::fs::write(&path, [before, BEGIN, &expected, END, after].concat()).unwrap();
    } else {
        assert_eq!(written, expected, "see the head of this file");
    }
}

#[test]
fn the_readme_of_each_service_names_its_methods() {
    let readmes: Vec<String> = std::fs::read_dir(folder(".."))
        .unwrap()
        .filter_map(|entry| std::fs::read_to_string(entry.unwrap().path().join("README.md")).ok())
        .collect();
    let schemas = schemas();
    let declared = declared(&schemas);
    for of_service in declared.chunk_by(|one, next| one.word == next.word) {
        let word = of_service[0].word;
        let mut names = of_service.iter().map(|one| one.method.name());
        let first = format!("`rpc.v1.{word}.{}`", names.next().unwrap());
        let rest: String = names.map(|name| format!(", `.{name}`")).collect();
        let line = format!("| answers | {first}{rest} |");
        assert!(
            readmes.iter().any(|text| text.lines().any(|given| given == line)),
            "no README has this line:\n{line}"
        );
    }
}
