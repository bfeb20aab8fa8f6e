use prost::Message;
use serde::Serialize;

use crate::pb::{sim, usage};

macro_rules! events {
    ($($(#[$doc:meta])* $name:ident = $word:literal => $context:ident::$payload:ident),+ $(,)?) => {
        /// Everything that Simward announces on the `EVENTS` stream.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum EventType {
            $($(#[$doc])* $name,)+
        }

        impl EventType {
            /// Every event type.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The `ce-type`, also the two tokens in the subject.
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }

            /// Package and name of the payload's message, such as `simward.sim.v1.SimMissing`.
            pub fn schema(self) -> &'static str {
                match self {
                    $(Self::$name => concat!("simward.", stringify!($context), ".v1.", stringify!($payload)),)+
                }
            }

            /// The type of a word.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|event| event.word() == word)
            }
        }

        /// A decoded payload.
        #[derive(Debug, Clone, PartialEq, Serialize)]
        #[serde(untagged)]
        pub enum DecodedEvent {
            $($(#[$doc])* $name(Box<$context::$payload>),)+
        }

        /// Decodes the payload of a known event type.
        pub fn decode_event(event: EventType, payload: &[u8]) -> Result<DecodedEvent, EventDecodeError> {
            match event {
                $(EventType::$name => $context::$payload::decode(payload)
                    .map(|decoded| DecodedEvent::$name(Box::new(decoded)))
                    .map_err(|source| EventDecodeError { event, source }),)+
            }
        }
    };
}

events! {
    /// 1NCE lists a SIM that was not known.
    SimDiscovered = "sim.discovered" => sim::SimDiscovered,
    /// A SIM's status is another one.
    SimStatusChanged = "sim.status_changed" => sim::SimStatusChanged,
    /// Label, IMEI lock, tags or metadata are others.
    SimConfigUpdated = "sim.config_updated" => sim::SimConfigUpdated,
    /// A SIM sits in another device.
    SimImeiChanged = "sim.imei_changed" => sim::SimImeiChanged,
    /// 1NCE lists a SIM no more.
    SimMissing = "sim.missing" => sim::SimMissing,
    /// The whole fleet was read.
    SyncCompleted = "sync.completed" => sim::SyncCompleted,
    /// Reading the fleet was given up.
    SyncFailed = "sync.failed" => sim::SyncFailed,
    /// Bulk work came to its end.
    JobCompleted = "job.completed" => sim::JobCompleted,
    /// New usage records were stored.
    UsageRecorded = "usage.recorded" => usage::UsageRecorded,
    /// The Data Streamer sends far less than it used to.
    UsageStreamSilent = "usage.stream_silent" => usage::UsageStreamSilent,
    /// It sends again.
    UsageStreamResumed = "usage.stream_resumed" => usage::UsageStreamResumed,
}

/// A payload that does not match its event type.
#[derive(Debug, thiserror::Error)]
#[error("the payload of {} does not decode", event.word())]
pub struct EventDecodeError {
    event: EventType,
    source: prost::DecodeError,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_names_one_event() {
        for event in EventType::ALL {
            assert_eq!(EventType::from_word(event.word()), Some(*event));
        }
        assert_eq!(EventType::from_word("sim.sold"), None);
    }
}
