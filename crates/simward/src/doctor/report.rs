//! The table that the doctor prints.

use std::fmt::Display;

/// One row of the table.
struct Finding {
    subject: String,
    verdict: Verdict,
    detail: String,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Verdict {
    Works,
    /// Something is missing that Simward can do without.
    Limited,
    /// It works, and somebody should look at it.
    Doubtful,
    Broken,
}

#[derive(Default)]
pub struct Report(Vec<Finding>);

impl Report {
    pub fn add(&mut self, subject: impl Display, verdict: Verdict, detail: impl Display) {
        self.0.push(Finding {
            subject: subject.to_string(),
            verdict,
            detail: detail.to_string(),
        });
    }

    pub fn works(&mut self, subject: impl Display, detail: impl Display) {
        self.add(subject, Verdict::Works, detail);
    }

    pub fn limited(&mut self, subject: impl Display, detail: impl Display) {
        self.add(subject, Verdict::Limited, detail);
    }

    pub fn doubtful(&mut self, subject: impl Display, detail: impl Display) {
        self.add(subject, Verdict::Doubtful, detail);
    }

    pub fn broken(&mut self, subject: impl Display, detail: impl Display) {
        self.add(subject, Verdict::Broken, detail);
    }

    /// Prints the table.
    ///
    /// # Errors
    /// When something is broken.
    pub fn print(&self) -> anyhow::Result<()> {
        let lengths = self.0.iter().map(|finding| finding.subject.len());
        let width = lengths.max().unwrap_or(0);
        for finding in &self.0 {
            let word = match finding.verdict {
                Verdict::Works => "ok    ",
                Verdict::Limited => "limit ",
                Verdict::Doubtful => "WARN  ",
                Verdict::Broken => "BROKEN",
            };
            println!("{word}  {:width$}  {}", finding.subject, finding.detail);
        }
        let broken = self.0.iter().filter(|finding| finding.verdict == Verdict::Broken);
        let broken = broken.count();
        anyhow::ensure!(broken == 0, "{broken} thing(s) to mend");
        Ok(())
    }
}
