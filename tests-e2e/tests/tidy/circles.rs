//! Files that import each other stand in one folder, and no two folders import each other.

use std::collections::{BTreeMap, BTreeSet};

use crate::crates;
use crate::graph::Graph;

/// Circles that may stay. One that the code no longer has fails too.
const EXCEPTIONS: [Exception; 1] = [Exception {
    krate: "once-emulator",
    members: &["account/", "api/", "config/", "streams/", "world.rs"],
    why: "the streams tell the truth of the accounts, which the API changes: one world that nothing else stands on",
}];

struct Exception {
    krate: &'static str,
    members: &'static [&'static str],
    why: &'static str,
}

type Circle = BTreeSet<String>;

/// The circles of a crate that hold a folder: beside each other in one folder stand its files and, each as one, its
/// folders.
fn circles(graph: &Graph) -> BTreeSet<Circle> {
    let mut found = BTreeSet::new();
    for folder in folders(graph) {
        let mut arrows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for arrow in &graph.arrows {
            if let (Some(from), Some(to)) = (member(&folder, &arrow.from), member(&folder, &arrow.to))
                && from != to
            {
                arrows.entry(from).or_default().insert(to);
            }
        }
        let circles = tied(&arrows).into_iter();
        found.extend(circles.filter(|circle| circle.iter().any(|member| member.ends_with('/'))));
    }
    found
}

/// Every folder, the root as an empty text, the others with a slash at the end.
fn folders(graph: &Graph) -> BTreeSet<String> {
    let of = |file: &String| {
        let ends = file
            .match_indices('/')
            .map(|(place, _)| file[..=place].to_owned());
        ends.collect::<Vec<_>>()
    };
    let mut folders: BTreeSet<String> = graph.files.iter().flat_map(of).collect();
    folders.insert(String::new());
    folders
}

/// The file or folder directly in `folder` that holds the file.
fn member(folder: &str, file: &str) -> Option<String> {
    let rest = file.strip_prefix(folder)?;
    Some(match rest.split_once('/') {
        Some((first, _)) => format!("{folder}{first}/"),
        None => file.to_owned(),
    })
}

/// Sets of more than one member of which each reaches each.
fn tied(arrows: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<Circle> {
    let reach: BTreeMap<&String, BTreeSet<String>> =
        arrows.keys().map(|from| (from, reached(arrows, from))).collect();
    let circles = reach.iter().map(|(from, reached)| {
        let back = |to: &&String| reach.get(to).is_some_and(|back| back.contains(*from));
        reached.iter().filter(back).cloned().collect::<Circle>()
    });
    circles.filter(|circle| circle.len() > 1).collect()
}

fn reached(arrows: &BTreeMap<String, BTreeSet<String>>, from: &String) -> BTreeSet<String> {
    let (mut reached, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(next) = open.pop() {
        for to in arrows.get(next).into_iter().flatten() {
            if reached.insert(to.clone()) {
                open.push(to);
            }
        }
    }
    reached
}

/// The arrows between the members, to see what ties them.
fn told(graph: &Graph, circle: &Circle) -> String {
    let holds = |file: &str| {
        let holder = circle
            .iter()
            .find(|member| file == *member || (member.ends_with('/') && file.starts_with(member.as_str())));
        holder.cloned()
    };
    let mut told = String::new();
    for arrow in &graph.arrows {
        let (from, to) = (holds(&arrow.from), holds(&arrow.to));
        if from.is_some() && to.is_some() && from != to {
            told += &format!("\n    {} -> {}: {}", arrow.from, arrow.to, arrow.name);
        }
    }
    told
}

#[test]
fn no_import_circle_holds_more_than_one_folder() {
    let mut wrong = String::new();
    let mut needed = [false; EXCEPTIONS.len()];
    for (name, src) in crates::sources() {
        let graph = Graph::of(&src);
        for circle in circles(&graph) {
            let members: Vec<&str> = circle.iter().map(String::as_str).collect();
            let is_it = |may: &Exception| may.krate == name && may.members == members;
            match EXCEPTIONS.iter().position(is_it) {
                Some(place) => needed[place] = true,
                None => wrong += &format!("\n{name}: {members:?}{}", told(&graph, &circle)),
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    for (exception, needed) in EXCEPTIONS.iter().zip(needed) {
        let Exception { krate, members, why } = exception;
        assert!(
            needed,
            "{krate}: {members:?} ({why}) is no circle: take it off the list"
        );
    }
}

#[test]
fn circles_are_found_at_every_depth_and_those_of_one_folder_pass() {
    let graph = Graph::of_texts([
        ("lib.rs", "mod a; mod b; mod c; mod d; use a::One;"),
        // Two files of one folder.
        ("c.rs", "use crate::d::Four; pub struct Three;"),
        ("d.rs", "use crate::c::Three; pub struct Four;"),
        // Two folders, though no two files.
        (
            "a/mod.rs",
            "mod deep; mod flat; use crate::b::Two; pub struct One;",
        ),
        ("b/mod.rs", "mod inner; pub struct Two;"),
        ("b/inner.rs", "use crate::a::One;"),
        // A folder and a file above it.
        ("a/deep/mod.rs", "use super::flat::Flat; pub struct Deep;"),
        ("a/flat.rs", "use super::deep::Deep; pub struct Flat;"),
    ]);
    let circle = |members: &[&str]| {
        members
            .iter()
            .map(|member| (*member).to_owned())
            .collect::<Circle>()
    };
    assert_eq!(
        circles(&graph),
        BTreeSet::from([circle(&["a/", "b/"]), circle(&["a/deep/", "a/flat.rs"])])
    );
}
