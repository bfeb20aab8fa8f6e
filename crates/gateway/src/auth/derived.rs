use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

/// HMAC-SHA-256 under a key that is derived from the server's secret for one purpose, so that what is made for one
/// purpose counts for no other.
#[derive(Clone)]
pub struct DerivedKey(Hmac<Sha256>);

impl DerivedKey {
    #[allow(clippy::expect_used, reason = "HMAC takes a key of every length")]
    pub fn new(secret: &SecretString, purpose: &str) -> Self {
        Self(Hmac::new_from_slice(&Self::bytes(secret, purpose)).expect("a key of any length"))
    }

    /// The key itself, for those who sign with another program.
    #[allow(clippy::expect_used, reason = "HMAC takes a key of every length")]
    pub fn bytes(secret: &SecretString, purpose: &str) -> [u8; 32] {
        let mut mac: Hmac<Sha256> =
            Hmac::new_from_slice(secret.expose_secret().as_bytes()).expect("a key of any length");
        mac.update(b"simward purpose: ");
        mac.update(purpose.as_bytes());
        mac.finalize().into_bytes().into()
    }

    pub fn mac(&self, bytes: impl AsRef<[u8]>) -> [u8; 32] {
        let mut mac = self.0.clone();
        mac.update(bytes.as_ref());
        mac.finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purposes_and_secrets_share_no_key() {
        let (one, two) = (
            SecretString::from("a".repeat(32)),
            SecretString::from("b".repeat(32)),
        );
        let mac = |secret, purpose| DerivedKey::new(secret, purpose).mac("text");
        assert_eq!(mac(&one, "p"), mac(&one, "p"));
        assert_ne!(mac(&one, "p"), mac(&one, "q"));
        assert_ne!(mac(&one, "p"), mac(&two, "p"));
    }
}
