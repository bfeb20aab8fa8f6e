use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::Error;
use argon2::{Algorithm, Argon2, Params, PasswordHash, PasswordHasher, PasswordVerifier, Version};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;
use tokio::task;

/// Each takes 19 MiB and a core for some 20 ms.
const AT_ONCE: usize = 2;
/// Longest wait for a turn.
const PATIENCE: Duration = Duration::from_secs(10);
const SALT_BYTES: usize = 16;
/// A hash that no password has, with the cost of a real one.
const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Why a password was neither hashed nor compared.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Too many passwords at once.
    #[error("too many passwords are being checked at once")]
    Busy,
    /// A stored hash cannot be read, or the work ended without an outcome.
    #[error("hashing a password: {0}")]
    Failed(String),
}

/// Hashes and compares passwords with argon2id, off the async threads.
#[derive(Debug, Clone)]
pub struct Passwords(Arc<Semaphore>);

impl Default for Passwords {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Passwords {
    /// Characters of a password.
    pub const LENGTH: RangeInclusive<usize> = 12..=128;

    /// Whether a new password is long enough, and not too long.
    pub fn fits(password: &SecretString) -> bool {
        Self::LENGTH.contains(&password.expose_secret().chars().count())
    }

    /// The hash to be stored, in PHC form.
    pub async fn hash(&self, password: SecretString) -> Result<String, PasswordError> {
        self.in_turn(move || {
            let salt: [u8; SALT_BYTES] = rand::random();
            let password = password.expose_secret().as_bytes();
            let hash = hasher()?.hash_password_with_salt(password, &salt)?;
            Ok(hash.to_string())
        })
        .await
    }

    /// Whether the password has this hash. Without a hash it costs the same, and the answer is no.
    pub async fn verify(&self, password: SecretString, hash: Option<String>) -> Result<bool, PasswordError> {
        self.in_turn(move || {
            let stored = PasswordHash::new(hash.as_deref().unwrap_or(NOBODYS))?;
            let password = password.expose_secret().as_bytes();
            match hasher()?.verify_password(password, &stored) {
                Ok(()) => Ok(true),
                Err(Error::PasswordInvalid) => Ok(false),
                Err(error) => Err(error),
            }
        })
        .await
    }

    /// The turn ends with the work, which goes on when the caller hangs up.
    async fn in_turn<T, F>(&self, work: F) -> Result<T, PasswordError>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, Error> + Send + 'static,
    {
        let turn = Arc::clone(&self.0).acquire_owned();
        let Ok(Ok(turn)) = tokio::time::timeout(PATIENCE, turn).await else {
            return Err(PasswordError::Busy);
        };
        let done = task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        match done.await {
            Ok(outcome) => outcome.map_err(|error| PasswordError::Failed(error.to_string())),
            Err(error) => Err(PasswordError::Failed(error.to_string())),
        }
    }
}

fn hasher() -> Result<Argon2<'static>, Error> {
    let params = Params::new(19 * 1024, 2, 1, None)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_has_its_own_hash_only() {
        let passwords = Passwords::default();
        let right = SecretString::from("correct horse battery");
        let hash = passwords.hash(right.clone()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_ne!(
            hash,
            passwords.hash(right.clone()).await.unwrap(),
            "each has a salt of its own"
        );
        assert!(passwords.verify(right.clone(), Some(hash.clone())).await.unwrap());
        let wrong = SecretString::from("correct horse batterz");
        assert!(!passwords.verify(wrong, Some(hash)).await.unwrap());
        assert!(!passwords.verify(right.clone(), None).await.unwrap());
        assert!(passwords.verify(right, Some("no hash".to_owned())).await.is_err());
    }

    #[test]
    fn nobodys_hash_costs_what_a_real_one_costs() {
        let params = |hash: &PasswordHash| Params::try_from(hash).unwrap();
        let real = hasher()
            .unwrap()
            .hash_password_with_salt(b"password", &[7; SALT_BYTES])
            .unwrap();
        let nobodys = PasswordHash::new(NOBODYS).unwrap();
        assert_eq!(params(&nobodys), params(&real));
        assert_eq!(nobodys.algorithm, real.algorithm);
    }

    #[test]
    fn a_password_has_twelve_to_128_characters() {
        let fits = |length: usize| Passwords::fits(&SecretString::from("\u{e9}".repeat(length)));
        assert_eq!([11, 12, 128, 129].map(fits), [false, true, true, false]);
    }
}
