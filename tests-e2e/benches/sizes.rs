use std::time::Duration;

/// How much is measured.
pub struct Sizes {
    /// SIMs in the fleet.
    pub sims: u64,
    /// One measurement under full load.
    pub round: Duration,
    /// How often such measurements are repeated; the median counts.
    pub rounds: usize,
    /// Keys of default limits, in each round with them.
    pub plain_keys: usize,
    /// Requests of each kind of list.
    pub list_requests: usize,
    /// A kind of list that is slow ends after this time.
    pub list_limit: Duration,
    /// Usage records that are stored when usage is read.
    pub usage_rows: u64,
    /// Usage records that are received in one go.
    pub ingest_records: u64,
    /// Bodies that are received one by one.
    pub webhook_bodies: usize,
    only: Option<String>,
}

impl Sizes {
    /// From BENCH_SIMS, BENCH_USAGE_ROWS, BENCH_INGEST_RECORDS, BENCH_QUICK and BENCH_ONLY.
    pub fn from_env() -> Self {
        let quick = std::env::var("BENCH_QUICK").is_ok_and(|word| word == "1");
        let sims = number("BENCH_SIMS", if quick { 50_000 } else { 1_000_000 });
        assert!(
            (10_000..=3_000_000).contains(&sims),
            "BENCH_SIMS is 10,000 to 3,000,000"
        );
        Self {
            sims,
            round: Duration::from_secs(if quick { 1 } else { 4 }),
            rounds: if quick { 3 } else { 5 },
            plain_keys: if quick { 100 } else { 200 },
            list_requests: if quick { 60 } else { 200 },
            list_limit: Duration::from_secs(if quick { 4 } else { 12 }),
            usage_rows: number("BENCH_USAGE_ROWS", if quick { 2_000_000 } else { 100_000_000 }),
            ingest_records: number("BENCH_INGEST_RECORDS", if quick { 300_000 } else { 2_000_000 }),
            webhook_bodies: if quick { 100 } else { 300 },
            only: std::env::var("BENCH_ONLY").ok().filter(|word| !word.is_empty()),
        }
    }

    /// Whether this part is measured: `sweep`, `gets`, `lists`, `process`, `webhook`, `ingest` or `usage`.
    pub fn wants(&self, part: &str) -> bool {
        self.only
            .as_ref()
            .is_none_or(|only| only.split(',').any(|wanted| wanted == part))
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

fn number(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{variable} is not a number: {text}")),
        Err(_) => default,
    }
}
