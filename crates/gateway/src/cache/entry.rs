use actix_web::http::header::HeaderValue;
use bytes::Bytes;
use domain::OrganizationId;
use uuid::Uuid;

use super::Tag;

/// A SIM as answered: its `data` JSON, and what is needed to know whose it is and how new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedSim {
    pub revision: i64,
    pub organization: OrganizationId,
    pub tag: Tag,
    /// The tag as the header `ETag`.
    pub etag: HeaderValue,
    pub data: Bytes,
}

impl CachedSim {
    /// Computes the tag, which then travels with the SIM.
    pub fn new(revision: i64, organization: OrganizationId, data: Bytes) -> Self {
        Self::tagged(revision, organization, Tag::of(&[&data]), data)
    }

    fn tagged(revision: i64, organization: OrganizationId, tag: Tag, data: Bytes) -> Self {
        Self {
            revision,
            organization,
            tag,
            etag: tag.header(),
            data,
        }
    }
}

/// What lies in Redis: a SIM and when its reading began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSim {
    pub read_at_ms: i64,
    pub sim: CachedSim,
}

/// The format's mark, then revision, time, organization and tag in fixed places; a tombstone has no data.
/// The script in `remote` knows the mark too.
const FORMAT: &[u8] = b"2";
const REVISION: std::ops::Range<usize> = 1..21;
const READ_AT: std::ops::Range<usize> = 21..41;
const ORGANIZATION: std::ops::Range<usize> = 41..73;
const TAG: std::ops::Range<usize> = 73..89;

impl StoredSim {
    /// The bytes in Redis. Digits have a fixed number, so that a script compares revisions as text, exactly.
    pub fn encode(&self) -> Vec<u8> {
        let sim = &self.sim;
        let mut bytes = header(sim.revision, self.read_at_ms, sim.organization);
        bytes.extend_from_slice(sim.tag.to_string().as_bytes());
        bytes.extend_from_slice(&sim.data);
        bytes
    }

    /// Reads them back; `None` for a tombstone or a foreign format.
    pub fn decode(bytes: &Bytes) -> Option<Self> {
        if !bytes.starts_with(FORMAT) || bytes.len() <= TAG.end {
            return None;
        }
        let text = std::str::from_utf8(&bytes[..TAG.end]).ok()?;
        Some(Self {
            read_at_ms: text.get(READ_AT)?.parse().ok()?,
            sim: CachedSim::tagged(
                text.get(REVISION)?.parse().ok()?,
                OrganizationId(Uuid::try_parse(text.get(ORGANIZATION)?).ok()?),
                Tag::parse(text.get(TAG)?)?,
                bytes.slice(TAG.end..),
            ),
        })
    }
}

/// What says in Redis that everything older than this revision is gone.
pub fn tombstone(revision: i64) -> Vec<u8> {
    header(revision, 0, OrganizationId(Uuid::nil()))
}

fn header(revision: i64, read_at_ms: i64, organization: OrganizationId) -> Vec<u8> {
    let mut bytes = FORMAT.to_vec();
    let (revision, read_at_ms) = (revision.max(0), read_at_ms.max(0));
    bytes.extend_from_slice(format!("{revision:020}{read_at_ms:020}{}", organization.0.simple()).as_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_stored_reads_back_and_a_tombstone_is_no_sim() {
        let stored = StoredSim {
            read_at_ms: 1_750_000_000_000,
            sim: CachedSim::new(i64::MAX, OrganizationId::DEFAULT, Bytes::from_static(b"{}")),
        };
        assert_eq!(StoredSim::decode(&stored.encode().into()), Some(stored));
        assert_eq!(StoredSim::decode(&tombstone(7).into()), None);
        assert_eq!(StoredSim::decode(&Bytes::from_static(b"1foreign")), None);
    }

    #[test]
    fn a_character_across_the_border_of_two_fields_is_no_sim() {
        for border in [REVISION.end, READ_AT.end, ORGANIZATION.end] {
            let mut foreign = vec![b'2'; TAG.end + 1];
            foreign[border - 1..=border].copy_from_slice("\u{e9}".as_bytes());
            assert_eq!(StoredSim::decode(&foreign.into()), None);
        }
    }

    proptest! {
        #[test]
        fn revisions_compare_as_text_and_foreign_bytes_do_no_harm(
            a in 0i64..i64::MAX, b in 0i64..i64::MAX, bytes in proptest::collection::vec(any::<u8>(), 0..120)
        ) {
            prop_assert_eq!(tombstone(a)[REVISION].cmp(&tombstone(b)[REVISION]), a.cmp(&b));
            let mut bytes = bytes;
            prop_assert!(StoredSim::decode(&bytes.clone().into()).is_none_or(|s| s.sim.revision >= 0));
            bytes.insert(0, b'2');
            prop_assert!(StoredSim::decode(&bytes.into()).is_none_or(|s| s.sim.revision >= 0));
        }
    }
}
