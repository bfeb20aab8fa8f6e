use hmac::{Hmac, KeyInit, Mac};
use rand::distr::{Alphanumeric, SampleString};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use subtle::ConstantTimeEq;

const MARK: &str = "sw_";
const PREFIX_LEN: usize = 8;
/// 43 letters and digits hold 256 bits.
const SECRET_LEN: usize = 43;
const LONGEST: usize = 128;

/// The last characters of a key follow from all others and the server's secret.
const CHECK_LEN: usize = 8;
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

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

    /// A new key: random, but for its check.
    pub fn generate(hasher: &KeyHasher) -> SecretString {
        let mut random = rand::rng();
        let prefix = Alphanumeric.sample_string(&mut random, PREFIX_LEN);
        let secret = Alphanumeric.sample_string(&mut random, SECRET_LEN - CHECK_LEN);
        let rest = format!("{MARK}{prefix}_{secret}");
        let check = check_of(&hasher.mac(&rest));
        SecretString::from(rest + &String::from_utf8_lossy(&check))
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

    /// The hash of a key that this server's secret may have made; `None` when its check is wrong, so that no such key
    /// can be stored. The check follows from the rest, so the hash of the rest stands for the whole.
    pub fn hash(&self, key: KeyText<'_>) -> Option<[u8; 32]> {
        let (rest, check) = key.0.split_at(key.0.len() - CHECK_LEN);
        let hash = self.mac(rest);
        bool::from(check_of(&hash).ct_eq(check.as_bytes())).then_some(hash)
    }

    fn mac(&self, rest: &str) -> [u8; 32] {
        let mut mac = self.0.clone();
        mac.update(rest.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

/// The end of a hash as eight letters and digits.
fn check_of(hash: &[u8; 32]) -> [u8; CHECK_LEN] {
    let mut number = hash[24..]
        .iter()
        .fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    std::array::from_fn(|_| {
        let digit = DIGITS[(number % 62) as usize];
        number /= 62;
        digit
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hasher(secret: &str) -> KeyHasher {
        KeyHasher::new(&SecretString::from(secret.repeat(32)))
    }

    #[test]
    fn a_new_key_has_the_form_and_the_check_and_no_two_are_alike() {
        let hasher = hasher("a");
        let (one, two) = (KeyText::generate(&hasher), KeyText::generate(&hasher));
        let text = KeyText::parse(one.expose_secret()).unwrap();
        assert_eq!(&one.expose_secret()[3..11], text.prefix());
        assert_eq!(one.expose_secret().len(), 3 + 8 + 1 + 43);
        assert_ne!(one.expose_secret(), two.expose_secret());
        let hashes = [&one, &two].map(|key| hasher.hash(KeyText::parse(key.expose_secret()).unwrap()));
        assert!(hashes[0].is_some() && hashes[1].is_some() && hashes[0] != hashes[1]);
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
    fn another_secret_or_any_changed_character_makes_a_key_impossible() {
        let key = KeyText::generate(&hasher("a"));
        let key = key.expose_secret();
        assert!(hasher("b").hash(KeyText::parse(key).unwrap()).is_none());
        for at in (3..key.len()).filter(|at| *at != 11) {
            let other = if &key[at..=at] == "x" { "y" } else { "x" };
            let changed = format!("{}{other}{}", &key[..at], &key[at + 1..]);
            assert!(
                hasher("a").hash(KeyText::parse(&changed).unwrap()).is_none(),
                "{at}"
            );
        }
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
