//! Access tokens: cached per API user, with a shrinking remaining life (FACTS §2).

use std::collections::HashMap;

use crate::clock::Millis;

#[derive(Debug, Clone)]
struct Issued {
    user: usize,
    expires_at: Millis,
}

/// All tokens still known.
#[derive(Debug, Default)]
pub struct Tokens {
    issued: HashMap<String, Issued>,
    current: HashMap<usize, String>,
    /// How many different tokens were ever issued.
    pub issued_total: u64,
}

impl Tokens {
    /// The user's token and its remaining whole seconds: the cached one while it lives, else a new one.
    pub fn issue(&mut self, user: usize, now: Millis, lifetime_seconds: i64, length: usize) -> (String, i64) {
        if let Some(token) = self.current.get(&user)
            && let Some(known) = self.issued.get(token)
            && known.expires_at - now >= 1000
        {
            return (token.clone(), (known.expires_at - now) / 1000);
        }
        self.issued.retain(|_, known| known.expires_at > now);
        let token = opaque(length);
        let expires_at = now + lifetime_seconds * 1000;
        self.issued.insert(token.clone(), Issued { user, expires_at });
        self.current.insert(user, token.clone());
        self.issued_total += 1;
        (token, lifetime_seconds)
    }

    /// The user a live token belongs to.
    pub fn owner(&self, token: &str, now: Millis) -> Option<usize> {
        self.issued
            .get(token)
            .filter(|known| known.expires_at > now)
            .map(|known| known.user)
    }

    /// Makes every token worthless.
    pub fn revoke_all(&mut self) {
        self.issued.clear();
        self.current.clear();
    }
}

/// Random text that reads like a token and means nothing.
fn opaque(length: usize) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    (0..length)
        .map(|_| char::from(LETTERS[usize::from(rand::random::<u8>() & 63)]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cached_token_ages_and_is_replaced_when_dead() {
        let mut tokens = Tokens::default();
        let (first, life) = tokens.issue(0, 0, 100, 40);
        assert_eq!((first.len(), life), (40, 100));
        assert_eq!(tokens.issue(0, 60_000, 100, 40), (first.clone(), 40));
        assert_ne!(tokens.issue(1, 60_000, 100, 40).0, first);
        assert_eq!(tokens.owner(&first, 99_999), Some(0));
        assert_eq!(tokens.owner(&first, 100_000), None);
        assert_ne!(tokens.issue(0, 100_000, 100, 40).0, first);
        assert_eq!(tokens.issued_total, 3);
        tokens.revoke_all();
        assert_eq!(tokens.owner(&first, 0), None);
    }
}
