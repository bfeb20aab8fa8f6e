//! Time that calls and answers take on their way, in real milliseconds.

use serde::{Deserialize, Serialize};

/// Time that some of the calls take besides the constant part.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extra {
    /// Share of the calls, 0 to 1. Every extra hits by itself; those that hit add up.
    pub share: f64,
    /// Milliseconds.
    pub ms: u64,
}

/// A network as it is: a third of the calls a little late, a few of them very.
pub const UNEVEN: [Extra; 3] = [
    Extra { share: 0.3, ms: 90 },
    Extra { share: 0.15, ms: 200 },
    Extra { share: 0.05, ms: 700 },
];

/// Milliseconds of one call.
pub(crate) fn drawn(base: u64, extras: &[Extra]) -> u64 {
    let hits = |extra: &&Extra| rand::random::<f64>() < extra.share;
    base + extras.iter().filter(hits).map(|extra| extra.ms).sum::<u64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_are_those_of_the_profile() {
        const CALLS: usize = 20_000;
        let drawn: Vec<u64> = (0..CALLS).map(|_| drawn(60, &UNEVEN)).collect();
        let share =
            |fits: &dyn Fn(u64) -> bool| drawn.iter().filter(|ms| fits(**ms)).count() as f64 / CALLS as f64;
        // Nothing hits: 0.7 x 0.85 x 0.95.
        assert!((share(&|ms| ms == 60) - 0.565).abs() < 0.03);
        assert!((share(&|ms| ms >= 760) - 0.05).abs() < 0.01);
        assert!((share(&|ms| ms < 150) - 0.565).abs() < 0.03);
    }
}
