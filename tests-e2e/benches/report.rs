use std::time::{Duration, Instant};

use crate::sizes::Sizes;

const HEAD: [&str; 6] = ["row", "measured", "comparison", "ratio", "bar", ""];

/// The table, which also tells how far the run is.
pub struct Report {
    began: Instant,
    sims: u64,
    rows: Vec<[String; 6]>,
}

impl Report {
    pub fn new(sizes: &Sizes) -> Self {
        Self {
            began: Instant::now(),
            sims: sizes.sims,
            rows: Vec::new(),
        }
    }

    /// A row with a bar on its ratio, such as `>= 0.50`.
    fn row(&mut self, name: &str, measured: String, comparison: String, ratio: f64, bar: &str, met: bool) {
        let verdict = if met { "ok" } else { "MISS" };
        self.push([name, &measured, &comparison, &format!("{ratio:.2}"), bar, verdict]);
    }

    /// At least this part of what it is compared with.
    pub fn at_least(&mut self, name: &str, measured: String, comparison: String, ratio: f64, least: f64) {
        let bar = format!(">= {least:.2}");
        self.row(name, measured, comparison, ratio, &bar, ratio >= least);
    }

    /// At most so many times what it is compared with.
    pub fn at_most(&mut self, name: &str, measured: String, comparison: String, ratio: f64, most: f64) {
        let bar = format!("<= {most:.2}");
        self.row(name, measured, comparison, ratio, &bar, ratio <= most);
    }

    /// A time that has a limit.
    pub fn within(&mut self, name: &str, measured: String, time: Duration, limit: Duration) {
        let ratio = time.as_secs_f64() / limit.as_secs_f64();
        let comparison = format!("{} ms allowed", limit.as_millis());
        self.row(name, measured, comparison, ratio, "<= 1.00", ratio <= 1.0);
    }

    /// A size in MiB that has a limit.
    pub fn within_mib(&mut self, name: &str, mib: f64, limit: f64) {
        let measured = format!("{mib:.0} MiB");
        let comparison = format!("{limit:.0} MiB allowed");
        self.row(name, measured, comparison, mib / limit, "<= 1.00", mib <= limit);
    }

    /// A count that must be zero.
    pub fn none_of(&mut self, name: &str, count: u64) {
        self.push([
            name,
            &count.to_string(),
            "",
            "",
            "0",
            if count == 0 { "ok" } else { "MISS" },
        ]);
    }

    /// Something that could not be measured here.
    pub fn missing(&mut self, name: &str, reason: &str) {
        self.push([name, "not measured", reason, "", "", "MISS"]);
    }

    /// Something worth knowing that has no bar.
    pub fn note(&mut self, name: &str, measured: String, comparison: &str, ratio: Option<f64>) {
        let ratio = ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default();
        self.push([name, &measured, comparison, &ratio, "", ""]);
    }

    fn push(&mut self, row: [&str; 6]) {
        eprintln!("[{:>4} s] {}", self.began.elapsed().as_secs(), row.join(" | "));
        self.rows.push(row.map(ToOwned::to_owned));
    }

    /// Shows the table.
    pub fn print(&self) {
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let (sims, seconds) = (self.sims, self.began.elapsed().as_secs());
        println!("\n{sims} SIMs, {cores} cores, everything on one machine, {seconds} s\n");
        let head = HEAD.map(ToOwned::to_owned);
        let width = |column: usize| {
            let cells = self.rows.iter().chain([&head]);
            cells.map(|row| row[column].chars().count()).max().unwrap_or(0)
        };
        let widths: [usize; 6] = std::array::from_fn(width);
        let print = |row: &[String; 6]| {
            let cells = row.iter().zip(widths);
            let line: Vec<String> = cells.map(|(cell, width)| format!("{cell:width$}")).collect();
            println!("{}", line.join("  ").trim_end());
        };
        print(&head);
        print(&widths.map(|width| "-".repeat(width)));
        self.rows.iter().for_each(print);
        let missed = self.rows.iter().filter(|row| row[5] == "MISS").count();
        println!("\n{missed} missed\n");
    }
}

/// Milliseconds with two places below 10, one above.
pub fn ms(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1000.0;
    if ms < 10.0 {
        format!("{ms:.2} ms")
    } else {
        format!("{ms:.1} ms")
    }
}

/// The one in the middle.
pub fn median<T: PartialOrd + Copy>(values: impl IntoIterator<Item = T>) -> T {
    let mut values: Vec<T> = values.into_iter().collect();
    values.sort_by(|a, b| a.partial_cmp(b).expect("numbers"));
    values[values.len() / 2]
}
