use std::fmt;

/// Whose call it is: a person waits for it, a rule asked for it, or a sweep makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    /// A person waits.
    Interactive,
    /// A rule or a queued action.
    Command,
    /// A sweep or a refresh that nobody waits for.
    Background,
}

impl Lane {
    /// From first to last.
    pub const ALL: [Self; 3] = [Self::Interactive, Self::Command, Self::Background];

    /// The word in metrics and logs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Interactive => "interactive",
            Self::Command => "command",
            Self::Background => "background",
        }
    }

    pub(crate) fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
