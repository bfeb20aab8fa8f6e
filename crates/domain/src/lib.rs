//! The vocabulary of a 1NCE fleet: identifiers, volumes, SIM and quota words, and the pure rules about them.
//!
//! Nothing here does I/O, reads a clock or knows a runtime. Foreign text becomes one of these types at the edge.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod error_code;
mod iccid;
mod ids;
mod luhn;
mod period;
mod provider_time;
mod quota;
mod refusal;
mod scope;
mod sim;
mod sim_change;
mod text;
mod volume;
mod words;

pub use error_code::ErrorCode;
pub use iccid::{Iccid, IccidError};
pub use ids::{AccountSlug, Imei, Imsi, InvalidId, Msisdn, OrganizationId};
pub use luhn::luhn_digit;
pub use period::{Granularity, MAX_DAYS, Period, days_between, first_day, periods, span};
pub use provider_time::provider_time;
pub use quota::{QuotaStatus, QuotaSummary};
pub use refusal::Refusal;
pub use scope::Scope;
pub use sim::{ProviderSim, SimStatus};
pub use sim_change::{SimChange, sim_changes};
pub use text::{InvalidTags, InvalidText, Label, Metadata, Name, Slug, Tag, Tags};
pub use volume::{BYTES_PER_MB, DataVolume, VolumeError};
pub use words::{
    ApiGeneration, Certainty, EventCategory, GenerationState, ItemOutcome, JobAction, JobKind, JobStatus,
    ListStatus, LoginResult, Outlook, ProviderCapability, ProviderTask, ProviderWarning, RejectKind,
    RunReason, RunState, ShadowOutcome, SimSort, StreamKind, StreamState, TaskState, TopBy, UnknownWord,
    UsageGroupBy, UsageSource,
};
