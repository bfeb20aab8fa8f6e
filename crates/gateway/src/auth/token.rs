use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use rand::distr::{Alphanumeric, SampleString};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::DerivedKey;

/// How long an access token counts.
pub const ACCESS_SECONDS: i64 = 30 * 60;
const ISSUER: &str = "simward";
const MARK: &str = "swr_";
/// 43 letters and digits hold 256 bits.
const SECRET_LEN: usize = 43;
/// Ours have some 300 bytes.
const LONGEST: usize = 2048;

/// What an access token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The user.
    pub sub: Uuid,
    /// The session.
    pub sid: Uuid,
    pub iat: i64,
    pub exp: i64,
    pub iss: String,
}

/// Makes and reads access tokens: JWT, HS256 and nothing else.
pub struct AccessTokens {
    signing: EncodingKey,
    checking: DecodingKey,
    validation: Validation,
}

impl AccessTokens {
    pub fn new(secret: &SecretString) -> Self {
        let key = DerivedKey::bytes(secret, "access tokens");
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = 0;
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "iss", "sub"]);
        Self {
            signing: EncodingKey::from_secret(&key),
            checking: DecodingKey::from_secret(&key),
            validation,
        }
    }

    /// A token for a session of a user.
    pub fn make(
        &self,
        user: Uuid,
        session: Uuid,
        now: DateTime<Utc>,
    ) -> Result<SecretString, jsonwebtoken::errors::Error> {
        let claims = Claims {
            sub: user,
            sid: session,
            iat: now.timestamp(),
            exp: now.timestamp() + ACCESS_SECONDS,
            iss: ISSUER.to_owned(),
        };
        encode(&Header::new(Algorithm::HS256), &claims, &self.signing).map(SecretString::from)
    }

    /// What a token of ours that has not expired says.
    pub fn read(&self, token: &str) -> Option<Claims> {
        if token.len() > LONGEST {
            return None;
        }
        let read = decode::<Claims>(token, &self.checking, &self.validation);
        read.ok().map(|token| token.claims)
    }
}

/// A text that has the form of a refresh token: `swr_<43>`.
#[derive(Clone, Copy)]
pub struct RefreshText<'a>(&'a str);

impl<'a> RefreshText<'a> {
    /// Reads a refresh token; `None` when it cannot be one.
    pub fn parse(text: &'a str) -> Option<Self> {
        let secret = text.strip_prefix(MARK)?;
        let fits = secret.len() == SECRET_LEN && secret.bytes().all(|c| c.is_ascii_alphanumeric());
        fits.then_some(Self(text))
    }

    /// A new random token.
    pub fn generate() -> SecretString {
        let secret = Alphanumeric.sample_string(&mut rand::rng(), SECRET_LEN);
        SecretString::from(format!("{MARK}{secret}"))
    }
}

/// Hashes refresh tokens for the database.
pub struct RefreshHasher(DerivedKey);

impl RefreshHasher {
    pub fn new(secret: &SecretString) -> Self {
        Self(DerivedKey::new(secret, "refresh tokens"))
    }

    pub fn hash(&self, token: RefreshText<'_>) -> [u8; 32] {
        self.0.mac(token.0)
    }

    /// A new token and its hash.
    pub fn generate(&self) -> (SecretString, [u8; 32]) {
        let token = RefreshText::generate();
        let hash = self.0.mac(token.expose_secret());
        (token, hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tokens(letter: &str) -> AccessTokens {
        AccessTokens::new(&SecretString::from(letter.repeat(32)))
    }

    #[test]
    fn a_token_says_what_it_was_made_for() {
        let (user, session, now) = (Uuid::from_u128(1), Uuid::from_u128(2), Utc::now());
        let token = tokens("a").make(user, session, now).unwrap();
        let claims = tokens("a").read(token.expose_secret()).unwrap();
        assert_eq!((claims.sub, claims.sid), (user, session));
        assert_eq!(claims.exp - claims.iat, 1800);
        assert_eq!(
            tokens("b").read(token.expose_secret()),
            None,
            "another secret signed it"
        );
    }

    #[test]
    fn an_expired_token_says_nothing() {
        let made = Utc::now() - chrono::Duration::seconds(ACCESS_SECONDS + 1);
        let token = tokens("a").make(Uuid::nil(), Uuid::nil(), made).unwrap();
        assert_eq!(tokens("a").read(token.expose_secret()), None);
    }

    #[test]
    fn a_refresh_token_has_its_form() {
        let token = RefreshText::generate();
        assert!(RefreshText::parse(token.expose_secret()).is_some());
        let secret = "s".repeat(43);
        assert!(RefreshText::parse(&format!("swr_{secret}")).is_some());
        for bad in [
            String::new(),
            format!("sw_{secret}"),
            format!("swr_{secret}s"),
            format!("swr_{}-", &secret[1..]),
        ] {
            assert!(RefreshText::parse(&bad).is_none(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_a_token(text in "\\PC*", parts in "[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,80}\\.[A-Za-z0-9_-]{0,43}") {
            let tokens = tokens("a");
            prop_assert_eq!(tokens.read(&text), None);
            prop_assert_eq!(tokens.read(&parts), None);
        }
    }
}
