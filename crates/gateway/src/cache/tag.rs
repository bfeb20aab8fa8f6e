use std::fmt;

use actix_web::http::header::HeaderValue;
use sha2::{Digest, Sha256};

/// Names an answer by its content: two answers with the same tag say the same. 16 hex digits of SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag(u64);

impl Tag {
    /// The tag of content that comes in these parts; where one part ends counts.
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let hash = hash.finalize();
        let first = hash.iter().take(8);
        Self(first.fold(0, |tag, byte| tag << 8 | u64::from(*byte)))
    }

    /// The header `ETag`, weak because `meta` differs each time.
    pub fn header(self) -> HeaderValue {
        // Quotes and hex digits are always a header's value.
        HeaderValue::try_from(format!("W/\"{self}\"")).unwrap_or(HeaderValue::from_static("W/\"\""))
    }

    /// Reads what `Display` writes.
    pub fn parse(text: &str) -> Option<Self> {
        u64::from_str_radix(text, 16).ok().map(Self)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_follows_the_content_and_where_its_parts_end() {
        let tag = Tag::of(&[b"ab", b"c"]);
        assert_eq!(tag, Tag::of(&[b"ab", b"c"]));
        assert_ne!(tag, Tag::of(&[b"a", b"bc"]));
        assert_ne!(tag, Tag::of(&[b"ab", b"d"]));
    }

    #[test]
    fn a_tag_is_16_digits_and_reads_back() {
        for tag in [Tag(0), Tag(17), Tag(u64::MAX)] {
            assert_eq!(tag.to_string().len(), 16);
            assert_eq!(Tag::parse(&tag.to_string()), Some(tag));
        }
        assert_eq!(Tag::parse("no"), None);
    }
}
