//! What 1NCE's API offers each account, through which generation, and what the end of v1 changes.

mod capability;
mod ending;
mod login;
mod metrics;
mod report;
mod tasks;
mod watch;

pub use ending::{V1_ENDS_ON, end};
pub use login::{NEW_CREDENTIALS, failing};
pub use report::Known;
pub use watch::{Watch, run};
