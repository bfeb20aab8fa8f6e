//! The environment that a program is started in, and what of it are its settings.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::Context;
use sha2::{Digest, Sha256};

/// What `.local/dev.env` tells people who try Simward; no program reads it.
const FOR_PEOPLE: [&str; 5] = [
    "SIMWARD_URL",
    "SIMWARD_ADMIN_KEY",
    "SIMWARD_CACHE",
    "DATASTREAMER_URL",
    "EMULATOR_URL",
];

/// Variables by name.
pub type Variables = BTreeMap<String, String>;

/// The variables of this process; one that is no text cannot be a setting.
pub fn inherited() -> Variables {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// What a program is started with.
#[derive(Debug, Clone)]
pub struct Environment {
    variables: Variables,
    /// What the names of the program's settings begin with.
    settings: Vec<String>,
}

impl Environment {
    /// The inherited variables, of which those that begin with one of `settings` are the program's settings.
    pub fn new(variables: Variables, settings: Vec<String>) -> Self {
        Self { variables, settings }
    }

    /// All of it.
    pub fn variables(&self) -> &Variables {
        &self.variables
    }

    /// Sets a variable, whatever it was.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.variables.insert(name.to_owned(), value.into());
    }

    /// Sets a variable that is not given.
    pub fn default(&mut self, name: &str, value: impl Into<String>) {
        if self.given(name).is_none() {
            self.set(name, value);
        }
    }

    /// A variable's value; an empty one is not given.
    pub fn given(&self, name: &str) -> Option<&str> {
        given(&self.variables, name)
    }

    /// The same as long as the file, the arguments and the settings are.
    pub fn fingerprint(&self, program: &Path, arguments: &[&str]) -> anyhow::Result<String> {
        let file = std::fs::metadata(program).with_context(|| program.display().to_string())?;
        let settings = self.variables.iter().filter(|(name, _)| self.is_setting(name));
        let told = (
            program,
            (file.mtime(), file.mtime_nsec(), file.size()),
            arguments,
            settings.collect::<Vec<_>>(),
        );
        Ok(hex(&Sha256::digest(format!("{told:?}"))))
    }

    fn is_setting(&self, name: &str) -> bool {
        self.settings.iter().any(|prefix| name.starts_with(prefix)) && !FOR_PEOPLE.contains(&name)
    }
}

/// A variable's value; an empty one is not given.
pub fn given<'a>(variables: &'a Variables, name: &str) -> Option<&'a str> {
    variables
        .get(name)
        .map(String::as_str)
        .filter(|value| !value.is_empty())
}

/// Bytes as lowercase hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(variables: &[(&str, &str)], arguments: &[&str]) -> String {
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let environment = Environment::new(
            variables.collect(),
            vec!["SIMWARD_".to_owned(), "ONCE_".to_owned()],
        );
        environment
            .fingerprint(&std::env::current_exe().unwrap(), arguments)
            .unwrap()
    }

    #[test]
    fn a_setting_or_an_argument_changes_the_fingerprint_and_nothing_else_does() {
        let before = print(&[("SIMWARD_LISTEN", "a")], &["run"]);
        assert_ne!(before, print(&[("SIMWARD_LISTEN", "b")], &["run"]));
        assert_ne!(before, print(&[("SIMWARD_LISTEN", "a")], &["walk"]));
        assert_ne!(
            before,
            print(&[("SIMWARD_LISTEN", "a"), ("ONCE_X", "")], &["run"])
        );

        let others = [
            ("SIMWARD_LISTEN", "a"),
            ("PATH", "/x"),
            ("SIMWARD_ADMIN_KEY", "k"),
        ];

        assert_eq!(before, print(&others, &["run"]));
    }

    #[test]
    fn a_value_that_looks_like_two_settings_is_not_two() {
        assert_ne!(
            print(&[("SIMWARD_A", "1"), ("SIMWARD_B", "2")], &[]),
            print(&[("SIMWARD_A", "1\", \"SIMWARD_B\", \"2")], &[])
        );
    }

    #[test]
    fn a_program_that_was_built_anew_has_another_fingerprint() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program");
        let environment = Environment::new(Variables::new(), Vec::new());
        std::fs::write(&program, "1").unwrap();
        let before = environment.fingerprint(&program, &[]).unwrap();

        std::fs::write(&program, "12").unwrap();

        assert_ne!(before, environment.fingerprint(&program, &[]).unwrap());
    }
}
