//! A crate depends only on what the code map of ARCHITECTURE.md allows.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Which of our own crates a crate may depend on, development and build aside.
const ALLOWED: [(&str, &[&str]); 10] = [
    ("domain", &[]),
    ("messages", &["domain"]),
    ("service-runtime", &["domain", "messages"]),
    ("once-client", &["domain"]),
    ("once-emulator", &[]),
    ("gateway", &["domain", "messages", "service-runtime"]),
    (
        "sim-service",
        &["domain", "messages", "service-runtime", "once-client"],
    ),
    (
        "usage-ingestor",
        &["domain", "messages", "service-runtime", "once-client"],
    ),
    (
        "simward",
        &[
            "domain",
            "messages",
            "service-runtime",
            "once-client",
            "gateway",
            "sim-service",
            "usage-ingestor",
        ],
    ),
    (
        "test-support",
        &["domain", "messages", "service-runtime", "once-emulator"],
    ),
];

/// `name` and the section `[dependencies]` of a manifest.
fn manifest(text: &str) -> (String, Vec<String>) {
    let mut section = "";
    let (mut name, mut dependencies) = (String::new(), Vec::new());
    for line in text.lines() {
        if line.starts_with('[') {
            section = line;
        }
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        match section {
            "[package]" if key.trim() == "name" => value.trim().trim_matches('"').clone_into(&mut name),
            "[dependencies]" => dependencies.push(key.trim().trim_end_matches(".workspace").to_owned()),
            _ => {}
        }
    }
    (name, dependencies)
}

fn folders() -> impl Iterator<Item = PathBuf> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
    std::fs::read_dir(crates)
        .unwrap()
        .map(|entry| entry.unwrap().path())
}

fn read(folder: &Path) -> (String, Vec<String>) {
    manifest(&std::fs::read_to_string(folder.join("Cargo.toml")).unwrap())
}

/// Every crate of ours by its name, and its folder `src`.
pub fn sources() -> BTreeMap<String, PathBuf> {
    folders()
        .map(|folder| (read(&folder).0, folder.join("src")))
        .collect()
}

#[test]
fn crates_depend_only_on_what_they_may_know() {
    let found: BTreeMap<String, Vec<String>> = folders().map(|folder| read(&folder)).collect();
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.into_iter().collect();
    let ours: Vec<&str> = found.keys().map(String::as_str).collect();
    assert_eq!(
        ours,
        allowed.keys().copied().collect::<Vec<_>>(),
        "every crate has its rule"
    );
    for (name, dependencies) in &found {
        for dependency in dependencies
            .iter()
            .filter(|dependency| ours.contains(&dependency.as_str()))
        {
            assert!(
                allowed[name.as_str()].contains(&dependency.as_str()),
                "{name} depends on {dependency}"
            );
        }
    }
}
