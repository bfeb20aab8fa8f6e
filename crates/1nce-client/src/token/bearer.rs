use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

/// An opaque bearer token.
#[derive(Clone)]
pub(crate) struct Token(Arc<SecretString>);

impl Token {
    pub(super) fn new(text: String) -> Self {
        Self(Arc::new(SecretString::from(text)))
    }

    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    pub(crate) fn same(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}
