//! What one source file names: the modules it declares, what it imports, and every path in its code.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;

use proc_macro2::{Delimiter, TokenStream, TokenTree, token_stream};

/// A path as it is written, such as `super::store::Job`.
pub type Names = Vec<String>;

/// A module, in a file of its own or inline. Code behind `#[cfg(test)]` is left out.
#[derive(Debug, Default)]
pub struct Scanned {
    /// Modules declared with a body in this file.
    pub inline: BTreeMap<String, Scanned>,
    /// Modules declared with files of their own.
    pub declared: BTreeSet<String>,
    /// Items defined here.
    pub items: BTreeSet<String>,
    /// What `use` brings in under which name.
    pub imports: Vec<Import>,
    /// Paths of two names or more in code.
    pub paths: BTreeSet<Names>,
}

/// One name that a `use` brings in.
#[derive(Debug, PartialEq, Eq)]
pub struct Import {
    /// The name here; `*` for everything.
    pub name: String,
    /// What it stands for.
    pub path: Names,
    /// `pub use`: handed on to others.
    pub is_public: bool,
}

type Tokens = Peekable<token_stream::IntoIter>;

impl Scanned {
    /// Reads the text of a file.
    pub fn read(text: &str) -> Self {
        let mut scanned = Self::default();
        scanned.walk(text.parse().expect("a file of Rust"));
        scanned
    }

    fn walk(&mut self, stream: TokenStream) {
        let mut tokens = stream.into_iter().peekable();
        let mut is_public = false;
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == '#' && is_attribute_of_tests(&mut tokens) => {
                    skip_item(&mut tokens);
                }
                TokenTree::Group(group) => self.walk(group.stream()),
                TokenTree::Ident(ident) => {
                    let word = ident.to_string();
                    if word == "pub" {
                        skip_restriction(&mut tokens);
                        is_public = true;
                        continue;
                    }
                    self.word(word, is_public, &mut tokens);
                }
                _ => {}
            }
            is_public = false;
        }
    }

    fn word(&mut self, word: String, is_public: bool, tokens: &mut Tokens) {
        match word.as_str() {
            // `use<…>` is the bound of an `impl Trait`.
            "use" if !is_punct(tokens.peek(), '<') => self.import(&[], is_public, tokens),
            "mod" => self.module(tokens),
            "struct" | "enum" | "union" | "trait" | "type" | "fn" | "const" | "static" => {
                if let Some(TokenTree::Ident(name)) = tokens.peek() {
                    self.items.insert(name.to_string());
                }
            }
            _ => {
                let path = rest_of_path(word, tokens);
                if path.len() > 1 {
                    self.paths.insert(path);
                }
            }
        }
    }

    fn module(&mut self, tokens: &mut Tokens) {
        let Some(TokenTree::Ident(name)) = tokens.next() else {
            return;
        };
        match tokens.next() {
            Some(TokenTree::Group(body)) => {
                let mut inner = Self::default();
                inner.walk(body.stream());
                self.inline.insert(name.to_string(), inner);
            }
            _ => {
                self.declared.insert(name.to_string());
            }
        }
    }

    /// One tree of a `use`, up to the comma or semicolon behind it.
    fn import(&mut self, prefix: &[String], is_public: bool, tokens: &mut Tokens) {
        let mut path = prefix.to_vec();
        let mut name = None;
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Ident(ident) if ident == "as" => name = tokens.next().map(|name| name.to_string()),
                TokenTree::Ident(ident) if ident == "self" && !path.is_empty() => {}
                TokenTree::Ident(ident) => path.push(ident.to_string()),
                TokenTree::Punct(punct) if matches!(punct.as_char(), ',' | ';') => break,
                TokenTree::Punct(punct) if punct.as_char() == '*' => name = Some("*".to_owned()),
                TokenTree::Group(group) => {
                    let mut trees = group.stream().into_iter().peekable();
                    while trees.peek().is_some() {
                        self.import(&path, is_public, &mut trees);
                    }
                    path.clear();
                }
                _ => {}
            }
        }
        if let Some(last) = path.last() {
            let name = name.unwrap_or_else(|| last.clone());
            self.imports.push(Import {
                name,
                path,
                is_public,
            });
        }
    }
}

fn is_punct(token: Option<&TokenTree>, wanted: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == wanted)
}

/// Behind `#`: takes the attribute; whether what follows is compiled for tests only.
fn is_attribute_of_tests(tokens: &mut Tokens) -> bool {
    tokens.next_if(|token| is_punct(Some(token), '!'));
    let bracket = tokens.next_if(|token| matches!(token, TokenTree::Group(_)));
    bracket.is_some_and(|group| group.to_string().replace(' ', "") == "[cfg(test)]")
}

/// An item ends with its braces, or with a semicolon; a `use` has braces before its semicolon.
fn skip_item(tokens: &mut Tokens) {
    let mut is_use = false;
    for token in tokens {
        match token {
            TokenTree::Ident(ident) if ident == "use" => is_use = true,
            TokenTree::Punct(punct) if punct.as_char() == ';' => return,
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace && !is_use => return,
            _ => {}
        }
    }
}

/// `(crate)`, `(in crate::store)` behind `pub`. A field of a tuple may stand there too: its paths name types.
fn skip_restriction(tokens: &mut Tokens) {
    tokens.next_if(|token| match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis => {
            let first = group.stream().into_iter().next().map(|first| first.to_string());
            matches!(first.as_deref(), Some("crate" | "super" | "self" | "in"))
        }
        _ => false,
    });
}

fn rest_of_path(first: String, tokens: &mut Tokens) -> Names {
    let mut path = vec![first];
    while tokens.next_if(|token| is_punct(Some(token), ':')).is_some() {
        // One colon stands before a type, two inside a path.
        if tokens.next_if(|token| is_punct(Some(token), ':')).is_none() {
            break;
        }
        match tokens.next_if(|token| matches!(token, TokenTree::Ident(_))) {
            Some(name) => path.push(name.to_string()),
            None => break,
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(path: &str) -> Names {
        path.split("::").map(str::to_owned).collect()
    }

    fn imports(text: &str) -> Vec<(String, String, bool)> {
        let scanned = Scanned::read(text);
        let told = |import: Import| (import.name, import.path.join("::"), import.is_public);
        scanned.imports.into_iter().map(told).collect()
    }

    fn import(name: &str, path: &str, is_public: bool) -> (String, String, bool) {
        (name.to_owned(), path.to_owned(), is_public)
    }

    #[test]
    fn a_tree_of_imports_is_one_path_for_each_name() {
        let text = "use crate::store::{self, Job, list::{Page as ListPage, *}};\npub(crate) use self::jobs::Control;";
        assert_eq!(
            imports(text),
            [
                import("store", "crate::store", false),
                import("Job", "crate::store::Job", false),
                import("ListPage", "crate::store::list::Page", false),
                import("*", "crate::store::list", false),
                import("Control", "self::jobs::Control", true),
            ]
        );
    }

    #[test]
    fn paths_in_code_are_found_wherever_they_stand() {
        let text = "fn f(job: &crate::store::Job) -> impl Future + use<> {
            let x: u8 = 1;
            tokio::select! { _ = super::work::drive(x) => {} }
            vec.iter().collect::<Vec<transport::Row>>()
        }";
        let paths = Scanned::read(text).paths;
        for path in ["crate::store::Job", "super::work::drive", "transport::Row"] {
            assert!(paths.contains(&names(path)), "{path}: {paths:?}");
        }
    }

    #[test]
    fn comments_texts_restrictions_and_tests_import_nothing() {
        let text = "//! See [`crate::transport::Row`].
            /* crate::transport */
            pub(in crate::store) const TEXT: &str = \"crate::transport::Row\";
            #[cfg(test)]
            use crate::transport::{A, B};
            #[cfg(test)]
            mod tests { use crate::transport::C; fn f() { crate::transport::d() } }
            fn after() { crate::store::e() }";
        let scanned = Scanned::read(text);
        assert_eq!(scanned.imports, []);
        assert_eq!(scanned.paths, BTreeSet::from([names("crate::store::e")]));
        assert_eq!(
            scanned.items,
            BTreeSet::from(["TEXT".to_owned(), "after".to_owned()])
        );
    }

    #[test]
    fn modules_are_known_with_and_without_a_file() {
        let scanned = Scanned::read("pub mod store; mod wire { pub use super::store::Row; }");
        assert_eq!(scanned.declared, BTreeSet::from(["store".to_owned()]));
        assert_eq!(scanned.inline["wire"].imports[0].path, names("super::store::Row"));
    }
}
