use std::fmt;

/// Whose call it is: a person waits for it, it costs money or reaches a device, a bulk job makes it, or a sweep does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    /// A person waits.
    Interactive,
    /// An action that costs money or reaches a device: a top-up, an SMS, a reset, an extension, a transfer.
    Command,
    /// A change of many SIMs, one after the other.
    Bulk,
    /// A sweep or a reading that nobody waits for.
    Background,
}

impl Lane {
    /// How many there are.
    pub const COUNT: usize = 4;
    /// From first to last.
    pub const ALL: [Self; Self::COUNT] = [Self::Interactive, Self::Command, Self::Bulk, Self::Background];

    /// The word in metrics and logs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Interactive => "interactive",
            Self::Command => "command",
            Self::Bulk => "bulk",
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
