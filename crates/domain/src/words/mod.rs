//! Closed sets of words: each is one list that the bus, the database and the REST API share.

mod jobs;
mod provider;
mod sync;
mod usage;

pub use jobs::{ItemOutcome, JobAction, JobKind, JobStatus};
pub use provider::{
    ApiGeneration, Certainty, GenerationState, LoginResult, Outlook, ProviderCapability, ProviderTask,
    ProviderWarning, TaskState,
};
pub use sync::{ListStatus, RunReason, RunState, SimSort};
pub use usage::{
    EventCategory, RejectKind, ShadowOutcome, StreamKind, StreamState, TopBy, UsageGroupBy, UsageSource,
};

/// A text that is none of a closed set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is one of {}", known.join(", "))]
pub struct UnknownWord {
    /// The set.
    pub known: &'static [&'static str],
}

/// An enum of which each variant is one word: in its `Display`, in JSON, on the bus and in the database.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$of])* $variant,)+
        }

        impl $name {
            /// Each of them, in the order in which people are told.
            pub const ALL: [Self; Self::WORDS.len()] = [$(Self::$variant),+];
            /// Their words, in the same order.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            /// What the word stands for; `None` for another text.
            pub fn from_word(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.word())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::UnknownWord;

            fn from_str(word: &str) -> Result<Self, $crate::UnknownWord> {
                Self::from_word(word).ok_or($crate::UnknownWord { known: Self::WORDS })
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::UnknownWord;

            fn try_from(word: String) -> Result<Self, $crate::UnknownWord> {
                word.parse()
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.word())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let word = <String as serde::Deserialize>::deserialize(deserializer)?;
                word.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use words;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Granularity;

    /// Every word stands for itself, in all its forms, and the text for nothing unless it is a word.
    macro_rules! hold {
        ($text:expr, $($name:ident),+) => {
            $(
                prop_assert!($name::ALL.map($name::word) == *$name::WORDS);
                for value in $name::ALL {
                    prop_assert_eq!(value.word().parse(), Ok(value));
                    prop_assert_eq!($name::try_from(value.to_string()), Ok(value));
                    let json = serde_json::to_value(value).unwrap();
                    prop_assert_eq!(&json, &serde_json::json!(value.word()));
                    prop_assert_eq!(serde_json::from_value::<$name>(json).unwrap(), value);
                }
                match $text.parse::<$name>() {
                    Ok(value) => prop_assert_eq!(value.word(), $text),
                    Err(wrong) => prop_assert_eq!(wrong.known, $name::WORDS),
                }
            )+
        };
    }

    proptest! {
        #[test]
        fn a_word_is_read_as_it_is_written_and_no_other_text_is_one(text in "(\\PC*|[a-z_.]{1,12}|Queued|queued)") {
            hold!(
                text.as_str(), ApiGeneration, Certainty, EventCategory, GenerationState, Granularity, ItemOutcome, JobAction, JobKind,
                JobStatus, ListStatus, LoginResult, Outlook, ProviderCapability, ProviderTask, ProviderWarning, RejectKind,
                RunReason, RunState, ShadowOutcome, SimSort, StreamKind, StreamState, TaskState, TopBy, UsageGroupBy, UsageSource
            );
        }
    }

    #[test]
    fn a_wrong_word_is_answered_with_the_list() {
        let wrong = "stop".parse::<JobAction>().unwrap_err();
        assert_eq!(wrong.to_string(), "is one of pause, resume, cancel");
    }
}
