use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream;
use messages::Subjects;
use secrecy::ExposeSecret;

use crate::config::NatsConfig;

/// Replies to our requests arrive under this prefix, which a downstream consumer's login cannot subscribe to.
pub const INBOX_PREFIX: &str = "_SIMWARD_INBOX";

/// Why the bus cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// The address cannot be read, or the server refuses us.
    #[error("NATS: {0}")]
    Connect(String),
    /// JetStream refused a stream, a consumer or a message.
    #[error("JetStream, {what}: {reason}")]
    JetStream {
        /// What was tried.
        what: String,
        /// What the server said.
        reason: String,
    },
    /// A subscription was refused.
    #[error("NATS, {what}: {reason}")]
    Subscribe {
        /// What was tried.
        what: String,
        /// What the server said.
        reason: String,
    },
}

impl BusError {
    pub(crate) fn jetstream(what: impl Into<String>, reason: impl std::fmt::Display) -> Self {
        Self::JetStream {
            what: what.into(),
            reason: reason.to_string(),
        }
    }
}

/// One connection to NATS, which renews itself, and the names to use on it.
#[derive(Debug, Clone)]
pub struct Bus {
    client: async_nats::Client,
    jetstream: jetstream::Context,
    subjects: Subjects,
    replicas: usize,
}

impl Bus {
    /// Connects; afterwards the connection is renewed for ever.
    ///
    /// # Errors
    /// When the server does not answer now, or refuses the login.
    pub async fn connect(config: &NatsConfig, name: &str) -> Result<Self, BusError> {
        let client = async_nats::ConnectOptions::new()
            .name(name)
            .connection_timeout(Duration::from_millis(config.connect_timeout_ms))
            .custom_inbox_prefix(INBOX_PREFIX)
            .request_timeout(Some(Duration::from_secs(10)))
            .max_reconnects(None)
            .reconnect_delay_callback(|attempt| Duration::from_millis((50 << attempt.min(5)) as u64))
            .ping_interval(Duration::from_secs(10))
            .subscription_capacity(64 * 1024)
            .connect(config.url.expose_secret())
            .await
            .map_err(|error| BusError::Connect(error.kind().to_string()))?;
        let jetstream = jetstream::new(client.clone());
        let subjects = Subjects::new(&config.prefix);
        Ok(Self {
            client,
            jetstream,
            subjects,
            replicas: config.stream_replicas,
        })
    }

    /// The plain client.
    pub fn client(&self) -> &async_nats::Client {
        &self.client
    }

    /// JetStream.
    pub fn jetstream(&self) -> &jetstream::Context {
        &self.jetstream
    }

    /// The names to use.
    pub fn subjects(&self) -> &Subjects {
        &self.subjects
    }

    /// Copies of each stream.
    pub fn stream_replicas(&self) -> usize {
        self.replicas
    }

    /// Whether the connection stands.
    ///
    /// # Errors
    /// The state it is in instead.
    pub fn check(&self) -> Result<(), String> {
        match self.client.connection_state() {
            State::Connected => Ok(()),
            state => Err(state.to_string()),
        }
    }
}
