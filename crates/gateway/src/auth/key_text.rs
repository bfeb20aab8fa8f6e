use hmac::{Hmac, KeyInit, Mac};
use rand::distr::{Alphanumeric, SampleString};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

const MARK: &str = "sw_";
const PREFIX_LEN: usize = 8;
/// 43 letters and digits hold 256 bits.
const SECRET_LEN: usize = 43;
const LONGEST: usize = 128;

/// A text that has the form of a key: `sw_<8 characters>_<43 or more>`.
#[derive(Clone, Copy)]
pub struct KeyText<'a>(&'a str);

impl<'a> KeyText<'a> {
    /// Reads a key; `None` when it cannot be one.
    pub fn parse(text: &'a str) -> Option<Self> {
        let visible = MARK.len() + PREFIX_LEN;
        let shortest = visible + 1 + SECRET_LEN;
        let plain = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
        let fits = (shortest..=LONGEST).contains(&text.len())
            && text.starts_with(MARK)
            && text.as_bytes()[visible] == b'_'
            && text.as_bytes()[MARK.len()..visible]
                .iter()
                .all(u8::is_ascii_alphanumeric)
            && text.bytes().all(plain);
        fits.then_some(Self(text))
    }

    /// The visible part, by which the key is found.
    pub fn prefix(self) -> &'a str {
        &self.0[MARK.len()..MARK.len() + PREFIX_LEN]
    }

    /// A new random key.
    pub fn generate() -> SecretString {
        let mut random = rand::rng();
        let prefix = Alphanumeric.sample_string(&mut random, PREFIX_LEN);
        let secret = Alphanumeric.sample_string(&mut random, SECRET_LEN);
        SecretString::from(format!("{MARK}{prefix}_{secret}"))
    }
}

/// HMAC-SHA-256 keyed with the server's secret.
#[derive(Clone)]
pub struct KeyHasher(Hmac<Sha256>);

impl KeyHasher {
    #[allow(clippy::expect_used, reason = "HMAC takes a key of every length")]
    pub fn new(secret: &SecretString) -> Self {
        Self(Hmac::new_from_slice(secret.expose_secret().as_bytes()).expect("a key of any length"))
    }

    pub fn hash(&self, key: KeyText<'_>) -> [u8; 32] {
        let mut mac = self.0.clone();
        mac.update(key.0.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_new_key_has_the_form_and_no_two_are_alike() {
        let (one, two) = (KeyText::generate(), KeyText::generate());
        let text = KeyText::parse(one.expose_secret()).unwrap();
        assert_eq!(&one.expose_secret()[3..11], text.prefix());
        assert_ne!(one.expose_secret(), two.expose_secret());
    }

    #[test]
    fn what_has_another_form_is_no_key() {
        let secret = "s".repeat(43);
        assert!(KeyText::parse(&format!("sw_abcdefgh_{secret}")).is_some());
        for bad in [
            String::new(),
            format!("sk_abcdefgh_{secret}"),
            format!("sw_abcdefg_{secret}"),
            format!("sw_abcdefgh-{secret}"),
            format!("sw_abcdefgh_{}", &secret[1..]),
            format!("sw_abcdefgh_{}", "s".repeat(200)),
            format!("sw_abcdefgh_{secret}\n"),
            format!("sw_abcd\u{e9}fg_{secret}"),
        ] {
            assert!(KeyText::parse(&bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn the_hash_depends_on_the_secret_and_on_every_character() {
        let one = KeyHasher::new(&SecretString::from("a".repeat(32)));
        let two = KeyHasher::new(&SecretString::from("b".repeat(32)));
        let (key, other) = (
            format!("sw_abcdefgh_{}", "s".repeat(43)),
            format!("sw_abcdefgh_{}t", "s".repeat(42)),
        );
        let (key, other) = (KeyText::parse(&key).unwrap(), KeyText::parse(&other).unwrap());
        assert_eq!(one.hash(key), one.hash(key));
        assert_ne!(one.hash(key), two.hash(key));
        assert_ne!(one.hash(key), one.hash(other));
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_parser(text in "\\PC*", tail in "sw_[a-z]{0,9}.?_?\\PC{0,50}") {
            for text in [text, tail] {
                if let Some(key) = KeyText::parse(&text) {
                    prop_assert_eq!(key.prefix().len(), 8);
                }
            }
        }
    }
}
