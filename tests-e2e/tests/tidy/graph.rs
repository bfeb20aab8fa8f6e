//! Which file of a crate takes names from which other one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::scan::{Names, Scanned};

/// A crate as its files and their arrows.
#[derive(Debug, Default)]
pub struct Graph {
    /// Every file, relative to `src/`.
    pub files: BTreeSet<String>,
    /// Who takes which name from whom.
    pub arrows: BTreeSet<Arrow>,
}

/// One file takes a name from another one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arrow {
    /// Relative to `src/`.
    pub from: String,
    /// The file that defines the name, whoever hands it on.
    pub to: String,
    /// The name of a definition; empty for the module itself.
    pub name: String,
}

#[derive(Debug)]
struct Module {
    file: String,
    scanned: Scanned,
}

#[derive(Debug)]
struct Modules(BTreeMap<Names, Module>);

/// The file of a name, and the name in it; empty for a module.
struct Definition {
    module: Names,
    name: String,
}

/// A name that is handed on more often is taken for one that leads in a circle.
const MOST_HANDS: usize = 20;

impl Graph {
    /// Reads the sources under a folder `src`.
    pub fn of(src: &Path) -> Self {
        let mut texts = BTreeMap::new();
        collect(src, src, &mut texts);
        Self::of_texts(texts.iter().map(|(file, text)| (file.as_str(), text.as_str())))
    }

    /// The same of texts by their names relative to `src`.
    pub fn of_texts<'a>(texts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let (mut modules, mut files) = (BTreeMap::new(), BTreeSet::new());
        for (file, text) in texts {
            files.insert(file.to_owned());
            let scanned = Scanned::read(text);
            // A program without a library has its modules there.
            let is_root = file == "main.rs" && !scanned.declared.is_empty();
            let path = if is_root { Names::new() } else { module_path(file) };
            add(&mut modules, path, file, scanned);
        }
        let modules = Modules(modules);
        let mut arrows = BTreeSet::new();
        // What nobody declares is compiled for tests only.
        let declared = modules.0.iter().filter(|(path, _)| modules.is_declared(path));
        for (path, module) in declared {
            modules.arrows_of(path, module, &mut arrows);
        }
        Self { files, arrows }
    }
}

fn collect(src: &Path, folder: &Path, texts: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(src, &path, texts);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let file = path.strip_prefix(src).unwrap().to_str().unwrap().to_owned();
            texts.insert(file, std::fs::read_to_string(&path).unwrap());
        }
    }
}

/// The path of a file's module; `lib.rs` is the root.
fn module_path(file: &str) -> Names {
    let mut path: Names = file
        .trim_end_matches(".rs")
        .split('/')
        .map(str::to_owned)
        .collect();
    if path.last().is_some_and(|last| last == "mod" || last == "lib") {
        path.pop();
    }
    path
}

fn add(modules: &mut BTreeMap<Names, Module>, path: Names, file: &str, mut scanned: Scanned) {
    for (name, inner) in std::mem::take(&mut scanned.inline) {
        scanned.declared.insert(name.clone());
        add(modules, child(&path, &name), file, inner);
    }
    let file = file.to_owned();
    modules.insert(path, Module { file, scanned });
}

fn child(path: &[String], name: &str) -> Names {
    [path, &[name.to_owned()]].concat()
}

impl Modules {
    fn is_declared(&self, path: &[String]) -> bool {
        path.split_last().is_none_or(|(name, parent)| {
            let holds = self
                .0
                .get(parent)
                .is_some_and(|parent| parent.scanned.declared.contains(name));
            name == "main" || (holds && self.is_declared(parent))
        })
    }

    fn arrows_of(&self, path: &Names, module: &Module, arrows: &mut BTreeSet<Arrow>) {
        let imports = module.scanned.imports.iter();
        let imported = imports.filter_map(|import| {
            let definition = self.find(path, &import.path, 0)?;
            // Names of its own subtree a module only hands on.
            let hands_on = import.is_public && definition.module.starts_with(path);
            (!hands_on).then_some(definition)
        });
        let paths = module.scanned.paths.iter();
        let named = paths.filter_map(|named| self.find(path, named, 0));
        for Definition { module: to, name } in imported.chain(named) {
            let (from, to) = (module.file.clone(), self.0[&to].file.clone());
            if from != to {
                arrows.insert(Arrow { from, to, name });
            }
        }
    }

    /// What a path means inside a module; `None` when it leads out of the crate.
    fn find(&self, at: &Names, path: &[String], hands: usize) -> Option<Definition> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => self.descend(&Names::new(), rest, hands),
            "self" => self.descend(at, rest, hands),
            "super" => {
                let (_, parent) = at.split_last()?;
                let parent = parent.to_vec();
                match rest.first().map(String::as_str) {
                    Some("super") => self.find(&parent, rest, hands),
                    _ => self.descend(&parent, rest, hands),
                }
            }
            name if self.0.get(at)?.scanned.declared.contains(name) => self.descend(at, path, hands),
            name => {
                let import = self
                    .0
                    .get(at)?
                    .scanned
                    .imports
                    .iter()
                    .find(|import| import.name == name)?;
                // `use rand;` and such stand for themselves.
                if import.path.first() == Some(first) {
                    return None;
                }
                self.find(at, &[&import.path, rest].concat(), hands_on(hands)?)
            }
        }
    }

    fn descend(&self, at: &Names, path: &[String], hands: usize) -> Option<Definition> {
        let module = self.0.get(at)?;
        let Some((first, rest)) = path.split_first() else {
            return Some(Definition {
                module: at.clone(),
                name: String::new(),
            });
        };
        let scanned = &module.scanned;
        if scanned.declared.contains(first) && self.0.contains_key(&child(at, first)) {
            return self.descend(&child(at, first), rest, hands);
        }
        let mut imports = scanned.imports.iter();
        if let Some(import) = imports.find(|import| import.name == *first) {
            return self.find(at, &[&import.path, rest].concat(), hands_on(hands)?);
        }
        if !scanned.items.contains(first)
            && let Some(found) = self.through_glob(at, path, hands)
        {
            return Some(found);
        }
        Some(Definition {
            module: at.clone(),
            name: first.clone(),
        })
    }

    fn through_glob(&self, at: &Names, path: &[String], hands: usize) -> Option<Definition> {
        let first = path.first()?;
        let mut globs = self
            .0
            .get(at)?
            .scanned
            .imports
            .iter()
            .filter(|import| import.name == "*");
        globs.find_map(|glob| {
            let target = self.find(at, &glob.path, hands_on(hands)?)?;
            let holds = &self.0.get(&target.module)?.scanned;
            let is_known = holds.items.contains(first) || holds.declared.contains(first);
            is_known.then(|| self.descend(&target.module, path, hands))?
        })
    }
}

fn hands_on(hands: usize) -> Option<usize> {
    (hands < MOST_HANDS).then_some(hands + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrows(texts: &[(&str, &str)]) -> Vec<String> {
        let graph = Graph::of_texts(texts.iter().copied());
        let told = |arrow: &Arrow| format!("{} -> {} {}", arrow.from, arrow.to, arrow.name);
        graph.arrows.iter().map(told).collect()
    }

    #[test]
    fn an_arrow_ends_where_the_name_is_defined() {
        let found = arrows(&[
            ("lib.rs", "mod app; mod store;"),
            ("app/mod.rs", "mod jobs; use crate::store::Job; pub struct App;"),
            (
                "app/jobs.rs",
                "use super::App; fn f() { crate::store::jobs::list() }",
            ),
            ("store/mod.rs", "mod jobs; pub use self::jobs::Job;"),
            ("store/jobs.rs", "pub struct Job; pub fn list() {}"),
        ]);
        assert_eq!(
            found,
            [
                "app/jobs.rs -> app/mod.rs App",
                "app/jobs.rs -> store/jobs.rs list",
                "app/mod.rs -> store/jobs.rs Job",
            ]
        );
    }

    #[test]
    fn a_path_may_begin_at_a_child_or_at_an_imported_module() {
        let found = arrows(&[
            ("lib.rs", "mod a; mod b; fn f() { a::run() }"),
            ("a.rs", "use crate::b; pub fn run() { b::deep::stop() }"),
            ("b/mod.rs", "pub mod deep;"),
            ("b/deep.rs", "pub fn stop() { std::process::exit(0) }"),
        ]);
        assert_eq!(
            found,
            [
                "a.rs -> b/deep.rs stop",
                "a.rs -> b/mod.rs ",
                "lib.rs -> a.rs run",
            ]
        );
    }

    #[test]
    fn everything_of_a_module_is_followed_to_who_defines_it() {
        let found = arrows(&[
            ("lib.rs", "mod a; mod b; mod c;"),
            ("a.rs", "pub use crate::b::*;"),
            ("b.rs", "pub struct Row;"),
            ("c.rs", "use crate::a::Row;"),
        ]);
        assert_eq!(found, ["a.rs -> b.rs ", "c.rs -> b.rs Row"]);
    }

    #[test]
    fn a_file_that_only_tests_declare_has_no_arrows() {
        let found = arrows(&[
            ("lib.rs", "mod a; #[cfg(test)] mod books;"),
            ("a.rs", "pub struct A;"),
            ("books.rs", "use crate::a::A;"),
        ]);
        assert_eq!(found, [""; 0]);
    }

    #[test]
    fn a_program_without_a_library_has_a_root_too() {
        let found = arrows(&[
            ("lib.rs", "//! Nothing."),
            ("main.rs", "mod a; mod b; fn main() { a::run() }"),
            ("a.rs", "use crate::b::B; pub fn run() {}"),
            ("b.rs", "pub struct B;"),
        ]);
        assert_eq!(found, ["a.rs -> b.rs B", "main.rs -> a.rs run"]);
    }
}
