//! What the READMEs say about methods is what the schemas declare.
//!
//! After adding a method: `RECORD_SCHEMAS=1 cargo test -p messages --test methods`.

use std::path::{Path, PathBuf};

use prost::Message;
use prost_types::{FileDescriptorProto, FileDescriptorSet};

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

/// The files that declare a service, with the service's word in subjects.
fn services(schemas: &FileDescriptorSet) -> Vec<(&str, &FileDescriptorProto)> {
    let declaring = schemas.file.iter().filter(|file| !file.service.is_empty());
    declaring
        .filter_map(|file| Some((file.package().split('.').nth(1)?, file)))
        .collect()
}

fn comment(file: &FileDescriptorProto, method: i32) -> String {
    let path = [SERVICE, 0, METHOD, method];
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
    for (word, file) in services(schemas) {
        for (method, place) in file.service[0].method.iter().zip(0..) {
            text += &format!(
                "| `rpc.v1.{word}.{}` | `{}` | `{}` | {} |\n",
                method.name(),
                last(method.input_type()),
                last(method.output_type()),
                comment(file, place)
            );
        }
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
    for (word, file) in services(&schemas) {
        let mut names = file.service[0].method.iter().map(|method| method.name());
        let first = format!("`rpc.v1.{word}.{}`", names.next().unwrap());
        let rest: String = names.map(|name| format!(", `.{name}`")).collect();
        let line = format!("| answers | {first}{rest} |");
        assert!(
            readmes.iter().any(|text| text.lines().any(|given| given == line)),
            "no README has this line:\n{line}"
        );
    }
}
