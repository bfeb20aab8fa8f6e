//! Files of KEY=VALUE lines that a shell can source, readable by their owner only. `deploy/dev/lib/common.sh` reads and
//! writes the same form.

use std::fs::{self, DirBuilder};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use tempfile::NamedTempFile;

/// One such file, which need not exist.
#[derive(Debug, Clone)]
pub struct EnvFile(PathBuf);

impl EnvFile {
    /// The file at `path`.
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// The value of `key`; nothing and an empty value are the same.
    pub fn get(&self, key: &str) -> anyhow::Result<Option<String>> {
        Ok(find(&self.text()?, key))
    }

    /// Gives `key` this value, whatever it had.
    pub fn set(&self, key: &str, value: &str) -> anyhow::Result<()> {
        let text = self.text()?;
        let kept = text
            .lines()
            .filter(|line| !line.is_empty() && value_of(line, key).is_none());
        let lines = kept.map(ToOwned::to_owned).chain([line(key, value)?]);
        write_private(&self.0, &joined(lines))
    }

    /// Replaces everything.
    pub fn replace<'a>(&self, entries: impl IntoIterator<Item = (&'a str, &'a str)>) -> anyhow::Result<()> {
        let lines: anyhow::Result<Vec<String>> =
            entries.into_iter().map(|(key, value)| line(key, value)).collect();
        write_private(&self.0, &joined(lines?.into_iter()))
    }

    fn text(&self) -> anyhow::Result<String> {
        read_or_empty(&self.0)
    }
}

/// A text file's content; a file that does not exist is empty.
pub fn read_or_empty(path: &Path) -> anyhow::Result<String> {
    match fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}

/// Replaces a file at once; only its owner can read it.
pub fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    let folder = path.parent().context("a file lies in a folder")?;
    let mut file =
        NamedTempFile::new_in(folder).with_context(|| format!("cannot write to {}", folder.display()))?;
    file.write_all(text.as_bytes())?;
    file.persist(path)
        .with_context(|| format!("cannot replace {}", path.display()))?;
    Ok(())
}

/// Makes a folder that only its owner can enter; one that exists already is fine.
pub fn private_folder(path: &Path) -> anyhow::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("cannot make {}", path.display()))
}

/// `value` as one word of a shell; quoted only where a shell would see more than that.
pub fn quoted(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_:/@.,%+=?-".contains(&byte);
    if value.bytes().all(plain) {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', r"'\''"))
    }
}

fn line(key: &str, value: &str) -> anyhow::Result<String> {
    anyhow::ensure!(!value.contains('\n'), "{key} must be one line");
    Ok(format!("{key}={}", quoted(value)))
}

fn joined(lines: impl Iterator<Item = String>) -> String {
    lines.map(|line| line + "\n").collect()
}

/// The last line that sets the key counts, as in a shell.
fn find(text: &str, key: &str) -> Option<String> {
    let raw = text.lines().filter_map(|line| value_of(line, key)).next_back()?;
    let inner = raw.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
    let value = inner.map_or_else(|| raw.to_owned(), |inner| inner.replace(r"'\''", "'"));
    Some(value).filter(|value| !value.is_empty())
}

fn value_of<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    line.strip_prefix(key)?.strip_prefix('=')
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;

    use super::*;

    fn file(folder: &tempfile::TempDir) -> EnvFile {
        EnvFile::new(folder.path().join("some.env"))
    }

    #[test]
    fn a_value_is_kept_beside_the_others_and_replaces_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(&folder);
        assert_eq!(file.get("PORT").unwrap(), None);

        file.set("PORT", "1").unwrap();
        file.set("PORT_2", "2").unwrap();
        file.set("PORT", "3").unwrap();

        assert_eq!(file.get("PORT").unwrap().as_deref(), Some("3"));
        assert_eq!(file.get("PORT_2").unwrap().as_deref(), Some("2"));
        assert_eq!(fs::read_to_string(&file.0).unwrap(), "PORT_2=2\nPORT=3\n");
    }

    #[test]
    fn only_the_owner_can_read_it_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(&folder);
        file.replace([("PASSWORD", "x")]).unwrap();
        assert_eq!(fs::metadata(&file.0).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_shell_and_this_program_read_the_same_value() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(&folder);
        for value in [
            "postgres://simward:ab%20c@127.0.0.1:5432/simward?sslmode=disable",
            "it's \"quoted\" $HOME `id` \\ & more",
            "'",
            "two  spaces ",
            "ä€",
        ] {
            file.set("VALUE", value).unwrap();
            assert_eq!(file.get("VALUE").unwrap().as_deref(), Some(value));
            let script = r#". "$1"; printf %s "$VALUE""#;
            let sourced = Command::new("sh")
                .args(["-c", script, "sh"])
                .arg(&file.0)
                .output()
                .unwrap();
            assert_eq!(String::from_utf8(sourced.stdout).unwrap(), value);
        }
    }

    #[test]
    fn a_value_of_two_lines_is_refused_because_it_would_set_another_key() {
        let folder = tempfile::tempdir().unwrap();
        assert!(file(&folder).set("A", "1\nB=2").is_err());
    }
}
