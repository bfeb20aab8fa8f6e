use std::future::Future;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::{HeaderMap, ServerAddr, jetstream};
use bytes::Bytes;
use messages::{EVENTS, Subjects};
use secrecy::ExposeSecret;

use crate::config::NatsConfig;

/// Replies to our requests arrive under this prefix, which a downstream consumer's login cannot subscribe to.
pub const INBOX_PREFIX: &str = "_SIMWARD_INBOX";

/// Longest wait until JetStream has stored what we publish.
pub(crate) const STORE_LIMIT: Duration = Duration::from_secs(10);
/// How often a caller that waits for the connection looks at it.
const LOOK: Duration = Duration::from_millis(20);

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
    /// The proto file declares methods that the service does not serve, or serves twice.
    #[error("service {service} does not serve once what it declares: {methods}")]
    Unserved {
        /// The service.
        service: &'static str,
        /// The methods.
        methods: String,
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
    max_stream_bytes: i64,
}

/// A plain connection whose replies arrive under `inbox_prefix`; a downstream consumer's login uses `_INBOX`.
///
/// # Errors
/// When the server does not answer now, or refuses the login.
pub async fn connect_client(
    config: &NatsConfig,
    name: &str,
    inbox_prefix: &str,
) -> Result<async_nats::Client, BusError> {
    let servers = addresses(config.url.expose_secret())?;
    let login = servers.iter().find(|server| server.has_user_pass());
    let options = match login {
        // The client does not read the login out of the address.
        Some(server) => async_nats::ConnectOptions::with_user_and_password(
            server.username().unwrap_or_default().to_owned(),
            server.password().unwrap_or_default().to_owned(),
        ),
        None => async_nats::ConnectOptions::new(),
    };
    options
        .name(name)
        .connection_timeout(Duration::from_millis(config.connect_timeout_ms))
        .custom_inbox_prefix(inbox_prefix)
        .request_timeout(Some(Duration::from_secs(10)))
        .max_reconnects(None)
        .reconnect_delay_callback(|attempt| Duration::from_millis((50 << attempt.min(5)) as u64))
        .ping_interval(Duration::from_secs(10))
        .subscription_capacity(64 * 1024)
        .connect(servers)
        .await
        .map_err(|error| BusError::Connect(error.kind().to_string()))
}

impl Bus {
    /// Connects; afterwards the connection is renewed for ever.
    ///
    /// # Errors
    /// When the server does not answer now, or refuses the login.
    pub async fn connect(config: &NatsConfig, name: &str) -> Result<Self, BusError> {
        let client = connect_client(config, name, INBOX_PREFIX).await?;
        let jetstream = jetstream::new(client.clone());
        let subjects = Subjects::new(&config.prefix);
        Ok(Self {
            client,
            jetstream,
            subjects,
            replicas: config.stream_replicas,
            max_stream_bytes: config.max_stream_mb << 20,
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

    /// The largest stream in bytes.
    pub fn max_stream_bytes(&self) -> i64 {
        self.max_stream_bytes
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

    /// Whether JetStream answers and has the stream of events.
    ///
    /// # Errors
    /// What it says instead.
    pub async fn check_jetstream(&self) -> Result<(), String> {
        self.check()?;
        let events = self.subjects.stream(EVENTS.name);
        let stream = self.jetstream.get_stream(events).await;
        stream.map(|_| ()).map_err(|error| error.to_string())
    }

    /// Waits until the connection stands, at most `grace`. Without it nothing may be sent: the client would keep it
    /// and send it after the reconnect, long after the sender gave up.
    pub(crate) async fn connected(&self, grace: Duration) -> Result<(), BusError> {
        let standing = async {
            while self.check().is_err() {
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::time::timeout(grace, standing)
            .await
            .map_err(|_| BusError::Connect("there is no connection".to_owned()))
    }

    /// Publishes one message and waits until JetStream has stored it, at most [`STORE_LIMIT`].
    pub(crate) async fn store(
        &self,
        what: &'static str,
        subject: String,
        headers: HeaderMap,
        payload: Bytes,
    ) -> Result<(), BusError> {
        self.connected(Duration::ZERO).await?;
        let stored = async {
            let sent = self.jetstream.publish_with_headers(subject, headers, payload);
            sent.await?.await
        };
        within(what, stored)
            .await?
            .map(|_| ())
            .map_err(|error| BusError::jetstream(what, error))
    }
}

/// Sending waits without end when the queue of the client is full, so every use of JetStream has this limit.
pub(crate) async fn within<T>(what: &'static str, work: impl Future<Output = T>) -> Result<T, BusError> {
    tokio::time::timeout(STORE_LIMIT, work)
        .await
        .map_err(|_| BusError::jetstream(what, "no answer in time"))
}

/// One address, or several with commas between them. Logins are letters and digits, so that nothing needs decoding.
fn addresses(url: &str) -> Result<Vec<ServerAddr>, BusError> {
    url.split(',')
        .map(|address| {
            address
                .trim()
                .parse()
                .map_err(|_| BusError::Connect("NATS_URL is no address of a NATS server".to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_stands_in_the_address_and_there_may_be_several_addresses() {
        let servers = addresses("nats://user:secret@one:4222, nats://two:4222").unwrap();
        assert_eq!(
            (servers[0].username(), servers[0].password()),
            (Some("user"), Some("secret"))
        );
        assert_eq!((servers[1].host(), servers[1].has_user_pass()), ("two", false));
        let error = addresses("nats://user:secret@:x").unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
