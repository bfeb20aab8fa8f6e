//! The schemas keep every promise that stands in `proto-schemas/released.txt`.
//!
//! After adding a field or a method: `RECORD_SCHEMAS=1 cargo test -p messages --test compatibility`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use prost_types::{DescriptorProto, FileDescriptorSet};

fn schemas() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto-schemas")
}

fn proto_files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            proto_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            found.push(path);
        }
    }
}

fn compiled() -> FileDescriptorSet {
    let mut files = Vec::new();
    proto_files(&schemas().join("simward"), &mut files);
    match protox::compile(&files, [schemas()]) {
        Ok(set) => set,
        Err(error) => panic!("{error}"),
    }
}

/// One line a field: its full name, number, type and whether it repeats; and one a method, whose name
/// is unique in its package: what it takes and gives. What a
/// reader of old bytes and a caller of an older version rely on.
fn promises(set: &FileDescriptorSet) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for file in set
        .file
        .iter()
        .filter(|file| file.package().starts_with("simward."))
    {
        for message in &file.message_type {
            describe(file.package(), message, &mut lines);
        }
        for service in &file.service {
            for method in &service.method {
                lines.insert(format!(
                    "{}.{} = rpc {} returns {}",
                    file.package(),
                    method.name(),
                    method.input_type(),
                    method.output_type()
                ));
            }
        }
    }
    lines
}

fn describe(scope: &str, message: &DescriptorProto, lines: &mut BTreeSet<String>) {
    let name = format!("{scope}.{}", message.name());
    for field in &message.field {
        let kind = format!("{:?} {:?} {}", field.label(), field.r#type(), field.type_name());
        lines.insert(format!(
            "{name}.{} = {} {}",
            field.name(),
            field.number(),
            kind.trim_end()
        ));
    }
    for nested in &message.nested_type {
        describe(&name, nested, lines);
    }
}

#[test]
fn no_released_field_or_method_was_renamed_renumbered_retyped_or_removed() {
    let now = promises(&compiled());
    let path = schemas().join("released.txt");
    let released = std::fs::read_to_string(&path).unwrap_or_default();
    let broken: Vec<&str> = released.lines().filter(|line| !now.contains(*line)).collect();
    assert!(broken.is_empty(), "broken promises:\n{}", broken.join("\n"));
    if std::env::var_os("RECORD_SCHEMAS").is_some() {
        let text: String = now.iter().map(|line| format!("{line}\n")).collect();
        assert!(
            std::fs::write(&path, text).is_ok(),
            "cannot write {}",
            path.display()
        );
    } else {
        let recorded: BTreeSet<&str> = released.lines().collect();
        let new: Vec<&String> = now
            .iter()
            .filter(|line| !recorded.contains(line.as_str()))
            .collect();
        assert!(
            new.is_empty(),
            "not recorded yet, see the head of this file: {new:?}"
        );
    }
}

fn is_snake(name: &str) -> bool {
    name.chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

#[test]
fn names_follow_one_style_and_every_package_has_a_version() {
    for file in compiled()
        .file
        .iter()
        .filter(|file| file.package().starts_with("simward."))
    {
        assert!(
            file.package().ends_with(".v1"),
            "{}: package {} has no version",
            file.name(),
            file.package()
        );
        let folder = file.package().replace('.', "/");
        assert!(
            file.name().starts_with(&folder),
            "{} lies outside {folder}",
            file.name()
        );
        for message in &file.message_type {
            assert!(
                message.name().starts_with(|c: char| c.is_ascii_uppercase()),
                "{}",
                message.name()
            );
            for field in &message.field {
                assert!(is_snake(field.name()), "{}.{}", message.name(), field.name());
            }
        }
        for service in &file.service {
            assert_eq!(
                file.service.len(),
                1,
                "{}: a context has one service",
                file.name()
            );
            for method in &service.method {
                // It is a word of the subject, and the request names the type.
                assert!(is_snake(method.name()), "{}.{}", service.name(), method.name());
                assert!(
                    method.input_type().ends_with("Request"),
                    "{}",
                    method.input_type()
                );
            }
        }
    }
}
