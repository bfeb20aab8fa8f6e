//! The budget against answers and arrivals that take uneven time: seeded, on a clock that only the simulation moves.

use std::time::{Duration, Instant};

use domain::AccountSlug;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::caller::Caller;
use super::local::LocalWindow;
use super::usual::{Answer, LATEST, Usual};
use super::{LimitSpec, Turn};
use crate::config::ClientConfig;
use crate::lane::Lane;

const CALLS: usize = 3_000;
/// A sweep asks for so many pages ahead.
const IN_FLIGHT: usize = 12;
const SWEEP: Caller = Caller {
    lane: Lane::Background,
    organization: None,
};

/// How long requests and answers take, in milliseconds.
struct Network {
    /// The way there: the least, and how much longer it takes at most.
    there: (u64, u64),
    /// One request in so many, and how much later still it arrives.
    lost_packet: Option<(usize, u64)>,
    /// What the server needs: the least, then how much longer how many of a hundred answers take.
    answer: (u64, &'static [(u64, u64)]),
}

struct Outcome {
    per_second: f64,
    most_in_a_second: usize,
}

fn run(network: &Network, seed: u64) -> Outcome {
    let config = ClientConfig::new(
        AccountSlug::parse("main").unwrap(),
        "http://127.0.0.1:1",
        "id",
        "secret".into(),
    );
    let spec = LimitSpec::sims(&config);
    let mut random = StdRng::seed_from_u64(seed);
    let start = Instant::now();
    let mut now = start;
    let (mut window, usual) = (LocalWindow::new(spec.clone(), start), Usual::default());
    let mut answers: Vec<(Instant, Instant, u64)> = Vec::new();
    let mut arrivals: Vec<Instant> = Vec::new();
    while arrivals.len() < CALLS {
        while let Some(place) = answers.iter().position(|(at, ..)| *at <= now) {
            let (at, from, id) = answers.swap_remove(place);
            let answer = Answer {
                from,
                took: at - from,
                most: LATEST,
            };
            let late = usual.lateness("GET /sims", answer, true, spec.guard);
            if !late.is_zero() {
                window.shift(id, late);
            }
        }
        if answers.len() < IN_FLIGHT
            && let Turn::Granted(id) = window.look(SWEEP, &[SWEEP], now)
        {
            let ms = Duration::from_millis;
            let mut there = network.there.0 + random.random_range(0..=network.there.1);
            if let Some((one_in, late)) = network.lost_packet
                && (arrivals.len() + 1).is_multiple_of(one_in)
            {
                there += late;
            }
            let (mut server, kinds) = network.answer;
            let mut kind = random.random_range(0..100);
            for (later, of_hundred) in kinds {
                if kind < *of_hundred {
                    server += later;
                    break;
                }
                kind -= of_hundred;
            }
            arrivals.push(now + ms(there));
            answers.push((now + ms(there + server), now, id));
        }
        now += Duration::from_millis(1);
    }
    arrivals.sort_unstable();
    let most = arrivals.iter().enumerate().map(|(first, from)| {
        let until = *from + Duration::from_secs(1);
        arrivals[first..].partition_point(|at| *at < until)
    });
    Outcome {
        per_second: (CALLS - 10) as f64 / (arrivals[CALLS - 1] - arrivals[9]).as_secs_f64(),
        most_in_a_second: most.max().unwrap_or(0),
    }
}

fn assert_full_and_within(network: &Network) {
    for seed in 0..4 {
        let outcome = run(network, seed);
        assert!(outcome.most_in_a_second <= 10, "{}", outcome.most_in_a_second);
        assert!(outcome.per_second >= 9.5, "{}", outcome.per_second);
    }
}

#[test]
fn answers_and_arrivals_that_jitter_leave_95_percent_of_the_rate_and_no_window_with_eleven() {
    assert_full_and_within(&Network {
        there: (10, 30),
        lost_packet: None,
        answer: (50, &[(90, 30), (200, 15), (700, 5)]),
    });
}

#[test]
fn an_arrival_that_is_seldom_late_is_counted_from_its_answer() {
    assert_full_and_within(&Network {
        there: (10, 10),
        lost_packet: Some((25, 200)),
        answer: (50, &[]),
    });
}

#[test]
fn a_server_of_even_speed_leaves_97_percent() {
    let outcome = run(
        &Network {
            there: (10, 0),
            lost_packet: None,
            answer: (50, &[]),
        },
        1,
    );
    assert!(outcome.per_second >= 9.6, "{}", outcome.per_second);
}
