//! Why an emulator cannot start, or a control call failed.

/// Start-up failures.
#[derive(Debug, thiserror::Error)]
pub enum EmulatorError {
    /// The configuration contradicts itself.
    #[error("invalid configuration: {0}")]
    Config(String),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address asked for.
        address: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The server thread ended before it was ready.
    #[error("the server thread did not start")]
    Thread,
}

/// Failures of a [`crate::ControlClient`] call.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// No answer, or an answer that is not the expected JSON.
    #[error("control call failed")]
    Http(#[from] reqwest::Error),
    /// The emulator refused the call.
    #[error("control call refused with {status}: {message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// The emulator's explanation.
        message: String,
    },
}
