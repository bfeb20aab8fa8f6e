use std::time::Duration;

/// How much is measured.
pub struct Sizes {
    /// SIMs in the fleet.
    pub sims: u64,
    /// One measurement under full load.
    pub round: Duration,
    /// How often such measurements are repeated; the median counts.
    pub rounds: usize,
    /// Requests of each kind of list.
    pub list_requests: usize,
    /// A kind of list that is slow ends after this time.
    pub list_limit: Duration,
    only: Option<String>,
}

impl Sizes {
    /// From BENCH_SIMS, BENCH_QUICK and BENCH_ONLY.
    pub fn from_env() -> Self {
        let quick = std::env::var("BENCH_QUICK").is_ok_and(|word| word == "1");
        let default = if quick { 50_000 } else { 1_000_000 };
        let sims = match std::env::var("BENCH_SIMS") {
            Ok(text) => text.parse().expect("BENCH_SIMS is a number"),
            Err(_) => default,
        };
        assert!(
            (10_000..=3_000_000).contains(&sims),
            "BENCH_SIMS is 10,000 to 3,000,000"
        );
        Self {
            sims,
            round: Duration::from_secs(if quick { 1 } else { 4 }),
            rounds: if quick { 3 } else { 5 },
            list_requests: if quick { 60 } else { 200 },
            list_limit: Duration::from_secs(if quick { 4 } else { 12 }),
            only: std::env::var("BENCH_ONLY").ok().filter(|word| !word.is_empty()),
        }
    }

    /// Whether this part is measured: `sweep`, `gets`, `lists` or `process`.
    pub fn wants(&self, part: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only == part)
    }

    /// SIMs that a sweep stores; the rest is written by SQL.
    pub fn swept(&self) -> u64 {
        self.sims / 10
    }

    /// SIMs written by SQL.
    pub fn filled(&self) -> u64 {
        self.sims - self.swept()
    }
}
