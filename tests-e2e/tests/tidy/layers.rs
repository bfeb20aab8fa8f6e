//! Inside a crate `transport` or `rest` stands on `app`, and `app` on `store`; never the other way round.

use crate::crates;
use crate::graph::{Arrow, Graph};

/// What a room of a crate never imports.
const NEVER: [(&str, &[&str]); 7] = [
    ("app", &["transport", "rest"]),
    ("wire", &["app", "transport", "rest"]),
    ("store", &["app", "transport", "rest"]),
    ("cache", &["app", "transport", "rest"]),
    ("live", &["app", "transport", "rest"]),
    ("auth", &["app", "transport", "rest"]),
    ("limits", &["app", "transport", "rest"]),
];

/// The error of use cases; `store` has one of its own.
const ERROR_OF_USE_CASES: &str = "AppError";

/// The first name of a path: a folder, or a file beside `lib.rs`.
fn room(file: &str) -> &str {
    file.split('/').next().unwrap_or(file).trim_end_matches(".rs")
}

fn is_upward(arrow: &Arrow) -> bool {
    let (from, to) = (room(&arrow.from), room(&arrow.to));
    let never = NEVER.iter().filter(|(room, _)| *room == from);
    let rises = never.flat_map(|(_, never)| *never).any(|never| *never == to);
    rises || (from == "store" && arrow.name == ERROR_OF_USE_CASES)
}

#[test]
fn no_layer_imports_one_above_it() {
    let mut wrong = Vec::new();
    for (name, src) in crates::sources() {
        let upward = Graph::of(&src).arrows.into_iter().filter(is_upward);
        wrong.extend(
            upward.map(|Arrow { from, to, name: what }| format!("{name}: {from} imports {to} {what}")),
        );
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn upward_arrows_are_told_from_downward_ones() {
    let graph = Graph::of_texts([
        ("lib.rs", "mod app; mod error; mod rest; mod store;"),
        ("error.rs", "pub enum AppError {} pub enum StoreError {}"),
        ("rest.rs", "use crate::app::App; pub struct Row;"),
        (
            "app.rs",
            "use crate::{error::AppError, store::Store, rest::Row}; pub struct App;",
        ),
        (
            "store.rs",
            "use crate::error::{AppError, StoreError}; pub struct Store;",
        ),
    ]);
    let upward = graph.arrows.iter().filter(|arrow| is_upward(arrow));
    let upward: Vec<_> = upward
        .map(|arrow| (arrow.from.as_str(), arrow.name.as_str()))
        .collect();
    assert_eq!(upward, [("app.rs", "Row"), ("store.rs", "AppError")]);
}
