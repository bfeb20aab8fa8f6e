use super::part;

part! {
    /// The REST API's connections.
    pub struct ListenConfig {
        /// Address and port of the REST API.
        pub listen: String,
        /// HTTP threads; 0 means one per core.
        pub workers: usize,
        /// Largest request body, bytes.
        pub body_limit_bytes: usize,
        /// Origins whose pages may ask, separated by commas, or `*`; empty means none.
        pub cors_origins: String,
        /// `max-age` of Strict-Transport-Security, seconds; 0 means that the header is not sent.
        pub hsts_seconds: u64,
        /// How long a request's head may take from its first byte to its last, milliseconds.
        pub head_timeout_ms: u64,
        /// How long a client may take nothing of its answer, milliseconds.
        pub write_timeout_ms: u64,
        /// How long a connection waits for its next request, milliseconds.
        pub keep_alive_ms: u64,
    }
}

impl ListenConfig {
    pub(super) fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        if self.listen.is_empty() {
            missing.push("set SIMWARD_LISTEN (address:port)".to_owned());
        }
        let wrong = cors_origins(&self.cors_origins).filter(|origin| !is_origin(origin));
        missing.extend(wrong.map(|origin| {
            format!("gateway.cors_origins: `{origin}` is no origin (scheme://host[:port]) and not `*`")
        }));
        missing
    }

    pub(super) fn positive(&self) -> Vec<(&'static str, u64)> {
        vec![
            ("head_timeout_ms", self.head_timeout_ms),
            ("write_timeout_ms", self.write_timeout_ms),
            ("keep_alive_ms", self.keep_alive_ms),
        ]
    }
}

/// The origins in a list with commas.
pub(crate) fn cors_origins(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|origin| !origin.is_empty())
}

/// As a browser writes it, in lower case and without a path: it is compared as text.
fn is_origin(text: &str) -> bool {
    let host = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    text == "*"
        || host.is_some_and(|host| {
            let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-:[]".contains(&b);
            !host.is_empty() && host.bytes().all(fits)
        })
}
