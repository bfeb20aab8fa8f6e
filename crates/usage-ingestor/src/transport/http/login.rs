//! The login of a stream: HTTP Basic, compared in constant time.

use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::config::IngestorConfig;

/// The logins that are valid: one, or two while one takes the other's place.
#[derive(Clone)]
pub struct Logins(Vec<[u8; 32]>);

impl Logins {
    pub fn new(config: &IngestorConfig) -> Self {
        let logins = [
            (&config.user, &config.password),
            (&config.next_user, &config.next_password),
        ];
        let given = logins.iter().filter(|(user, _)| !user.is_empty());
        Self(
            given
                .map(|(user, password)| Sha256::digest(format!("{user}:{}", password.expose_secret())).into())
                .collect(),
        )
    }

    /// Whether nobody can log in.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Digests have one length, so neither the length nor the first wrong letter of a guess shows in the time; both
    /// logins are always compared.
    pub fn accept(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let encoded = given.and_then(|value| {
            let (scheme, rest) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("basic").then_some(rest.trim())
        });
        let Some(login) = encoded.and_then(|encoded| BASE64_STANDARD.decode(encoded).ok()) else {
            return false;
        };
        let digest: [u8; 32] = Sha256::digest(login).into();
        let matches = self.0.iter().map(|valid| valid.ct_eq(&digest));
        matches.fold(subtle::Choice::from(0), |any, one| any | one).into()
    }
}
