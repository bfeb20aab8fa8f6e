//! What an answer's time tells about when its request arrived.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How late an arrival is believed to be at most, where only the time of the answer tells.
pub(super) const LATEST: Duration = Duration::from_millis(250);
/// How many answers of an endpoint are remembered.
const KNOWN: usize = 100;
/// By how much the grants of [`KNOWN`] answers are counted later at most, all together: 1.2 % of the rate.
const SPARE: Duration = Duration::from_millis(1_200);

/// When an answer came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answer {
    /// When its request may have left.
    pub from: Instant,
    pub took: Duration,
    /// How late its request's arrival is believed to be at most.
    pub most: Duration,
}

/// Per endpoint, how long the last answers took from when their requests could leave.
#[derive(Default)]
pub(super) struct Usual(Mutex<HashMap<&'static str, Known>>);

struct Known {
    first_answer: Instant,
    /// The newest at the back.
    took: VecDeque<Duration>,
}

impl Usual {
    /// How late a request may have arrived beyond half the guard, from how long its answer took; learns what is usual. The
    /// other half is for the requests that come after it.
    ///
    /// Nothing tells a late arrival from a slow answer. So everything beyond the quickest answer is taken for lateness
    /// for as long as that costs no more than [`SPARE`], and beyond that only what is slower than most.
    pub(super) fn lateness(
        &self,
        endpoint: &'static str,
        answer: Answer,
        learns: bool,
        guard: Duration,
    ) -> Duration {
        let Answer { from, took, most } = answer;
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // What left when nothing was known: which part of its time was the way there, nothing tells.
        let mut usual = Duration::ZERO;
        if let Some(known) = all.get(endpoint)
            && from >= known.first_answer
        {
            usual = known.usual(guard);
        }
        if learns {
            let known = all.entry(endpoint).or_insert_with(|| Known {
                first_answer: from + took,
                took: VecDeque::with_capacity(KNOWN),
            });
            if known.took.len() == KNOWN {
                known.took.pop_front();
            }
            known.took.push_back(took);
        }
        took.saturating_sub(usual + guard / 2).min(most)
    }
}

impl Known {
    /// The least time from which on counting later does not cost too much.
    fn usual(&self, guard: Duration) -> Duration {
        let mut sorted: Vec<Duration> = self.took.iter().copied().collect();
        sorted.sort_unstable();
        let cost = |usual: Duration| -> Duration {
            let late = sorted.iter().map(|took| took.saturating_sub(usual + guard / 2));
            late.map(|late| late.min(LATEST)).sum()
        };
        let at = sorted.partition_point(|usual| cost(*usual) > SPARE);
        sorted.get(at).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUARD: Duration = Duration::from_millis(30);

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// What an answer tells that took so long from `from` on.
    fn told(usual: &Usual, endpoint: &'static str, from: Instant, took: u64) -> Duration {
        let answer = Answer {
            from,
            took: ms(took),
            most: LATEST,
        };
        usual.lateness(endpoint, answer, true, GUARD)
    }

    #[test]
    fn what_left_before_the_first_answer_of_its_endpoint_may_have_been_late_as_a_whole() {
        let (usual, start) = (Usual::default(), Instant::now());

        assert_eq!(told(&usual, "GET /a", start, 110), ms(95));
        assert_eq!(told(&usual, "GET /a", start + ms(20), 110), ms(95));
        assert_eq!(told(&usual, "GET /b", start, 15), ms(0));
        assert_eq!(told(&usual, "GET /c", start, 4_000), LATEST);
        assert_eq!(told(&usual, "GET /a", start + ms(200), 110), ms(0));
    }

    #[test]
    fn where_answers_are_even_a_slow_one_was_late_by_the_difference() {
        let (usual, start) = (Usual::default(), Instant::now());
        told(&usual, "GET /a", start, 50);
        let later = start + ms(100);

        assert_eq!(told(&usual, "GET /a", later, 50), ms(0));
        assert_eq!(told(&usual, "GET /a", later, 65), ms(0), "the guard pays for it");
        assert_eq!(told(&usual, "GET /a", later, 150), ms(85));
    }

    #[test]
    fn where_answers_are_uneven_only_those_slower_than_most_may_have_been_late() {
        let (usual, start) = (Usual::default(), Instant::now());
        told(&usual, "GET /a", start, 60);
        let later = start + ms(100);
        for turn in 0..200 {
            told(&usual, "GET /a", later, [60, 60, 60, 150, 150, 260][turn % 6]);
        }

        assert_eq!(told(&usual, "GET /a", later, 260), ms(0));
        assert!(told(&usual, "GET /a", later, 450) > ms(100));
    }

    #[test]
    fn a_server_that_became_slower_is_believed_soon() {
        let (usual, start) = (Usual::default(), Instant::now());
        told(&usual, "GET /a", start, 60);
        let later = start + ms(100);
        for _ in 0..100 {
            told(&usual, "GET /a", later, 60);
        }
        let late = (0..100).filter(|_| told(&usual, "GET /a", later, 300) > ms(0));
        assert!(late.count() < 10);
    }

    #[test]
    fn a_quick_refusal_is_not_what_is_usual() {
        let (usual, start) = (Usual::default(), Instant::now());
        told(&usual, "GET /a", start, 50);
        let later = start + ms(100);
        let refusal = Answer {
            from: later,
            took: ms(1),
            most: LATEST,
        };

        assert_eq!(usual.lateness("GET /a", refusal, false, GUARD), ms(0));
        assert_eq!(told(&usual, "GET /a", later, 65), ms(0));
    }
}
