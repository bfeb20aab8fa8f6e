//! A module is `foo.rs`, or `foo/mod.rs` when it has parts; never both forms in one.

use std::collections::BTreeSet;

use crate::crates;
use crate::graph::Graph;

fn beside_their_folder(files: &BTreeSet<String>) -> Vec<&str> {
    let has_folder = |file: &&str| {
        let folder = format!("{}/", file.trim_end_matches(".rs"));
        files.iter().any(|other| other.starts_with(&folder))
    };
    files.iter().map(String::as_str).filter(has_folder).collect()
}

#[test]
fn a_module_with_parts_is_a_folder_with_a_mod_file() {
    let mut found = Vec::new();
    for (name, src) in crates::sources() {
        let files = Graph::of(&src).files;
        let beside = beside_their_folder(&files).into_iter();
        found.extend(beside.map(|file| format!("{name}: {file}")));
    }
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn a_file_beside_its_folder_is_found() {
    let files = ["list.rs", "list/query.rs", "row.rs", "jobs/mod.rs"];
    let files = files.map(str::to_owned).into_iter().collect();
    assert_eq!(beside_their_folder(&files), ["list.rs"]);
}
