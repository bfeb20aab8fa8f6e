use std::collections::BTreeSet;

use domain::{Iccid, OrganizationId};
use messages::Subjects;

use super::LiveEvent;

/// More subjects make JetStream slow; the rest is sifted here.
const MOST_SUBJECTS: usize = 128;

/// Which events one client is sent.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Event types and domains; empty: all.
    pub types: Vec<String>,
    /// Only events about one of these SIMs; empty: all events.
    pub iccids: Vec<Iccid>,
    /// `None`: the whole platform.
    pub organization: Option<OrganizationId>,
    /// Whether usage may be seen.
    pub usage: bool,
}

impl Filter {
    pub fn matches(&self, event: &LiveEvent) -> bool {
        let domain = domain_of(&event.kind);
        let of_type = |wanted: &String| *wanted == event.kind || *wanted == domain;
        (self.organization.is_none() || self.organization == event.organization)
            && (self.usage || domain != "usage")
            && (self.types.is_empty() || self.types.iter().any(of_type))
            && (self.iccids.is_empty() || event.iccid.is_some_and(|iccid| self.iccids.contains(&iccid)))
    }

    /// The subjects that hold every wanted event, and maybe others.
    pub fn subjects(&self, subjects: &Subjects) -> Vec<String> {
        // The server refuses a consumer whose subjects overlap.
        let covered = |word: &&String| word.contains('.') && self.types.iter().any(|t| t == domain_of(word));
        let types = self.types.iter().filter(|word| !covered(word));
        let types = types.map(|word| {
            if word.contains('.') {
                word.clone()
            } else {
                format!("{word}.*")
            }
        });
        let types = each_once(types, "*.*");
        let sims = each_once(self.iccids.iter().map(ToString::to_string), "*");
        let types = if types.len() * sims.len() > MOST_SUBJECTS {
            vec!["*.*".to_owned()]
        } else {
            types
        };
        let pairs = types
            .iter()
            .flat_map(|word| sims.iter().map(move |sim| (word, sim)));
        pairs
            .map(|(word, sim)| subjects.prefixed(&format!("evt.v1.{word}.{sim}")))
            .collect()
    }
}

/// `sim` of `sim.missing`.
pub fn domain_of(kind: &str) -> &str {
    kind.split_once('.').map_or(kind, |(domain, _)| domain)
}

/// Each once, or `all` when there is none.
fn each_once(words: impl Iterator<Item = String>, all: &str) -> Vec<String> {
    let words: BTreeSet<String> = words.collect();
    if words.is_empty() {
        return vec![all.to_owned()];
    }
    words.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(types: &[&str], sims: i64) -> Filter {
        Filter {
            types: types.iter().map(|word| (*word).to_owned()).collect(),
            iccids: (0..sims)
                .map(|tail| Iccid::from_i64(8_988_999_000_000_000_000 + tail).unwrap())
                .collect(),
            ..Filter::default()
        }
    }

    #[test]
    fn subjects_name_types_and_sims() {
        let subjects = Subjects::new("t1");
        assert_eq!(filter(&[], 0).subjects(&subjects), ["t1.evt.v1.*.*.*"]);
        assert_eq!(
            filter(&["sim", "sync.failed"], 1).subjects(&subjects),
            [
                "t1.evt.v1.sim.*.8988999000000000000",
                "t1.evt.v1.sync.failed.8988999000000000000"
            ]
        );
    }

    #[test]
    fn subjects_do_not_overlap() {
        let subjects = filter(&["sim.missing", "sim", "sim"], 0).subjects(&Subjects::default());
        assert_eq!(subjects, ["evt.v1.sim.*.*"]);
    }

    #[test]
    fn too_many_subjects_become_fewer_that_hold_more() {
        let subjects = filter(&["sim.missing", "sim.discovered"], 100).subjects(&Subjects::default());
        assert_eq!(subjects.len(), 100);
        assert_eq!(subjects[7], "evt.v1.*.*.8988999000000000007");
    }
}
