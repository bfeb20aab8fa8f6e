//! Whether a program serves.

use std::time::{Duration, Instant};

use super::env_file::read_or_empty;
use super::process::Process;

const POLL: Duration = Duration::from_millis(100);
const ANSWER: Duration = Duration::from_secs(2);
/// How much of a log and of an answer tells what is wrong.
const LOG_LINES: usize = 30;
const ANSWER_CHARS: usize = 600;

/// What a program is asked for.
pub struct Probe<'a> {
    /// The program.
    pub process: &'a Process,
    /// Where it listens.
    pub port: u16,
    /// What it answers with success when it serves.
    pub url: String,
}

/// What became of a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It serves.
    Serves,
    /// It ended because somebody else has the port.
    PortTaken,
}

/// A client for this machine: no proxy of the caller stands between.
pub fn client() -> anyhow::Result<reqwest::Client> {
    Ok(reqwest::Client::builder().no_proxy().timeout(ANSWER).build()?)
}

impl Probe<'_> {
    /// Whether the process itself has the port and answers.
    pub async fn serves(&self, client: &reqwest::Client) -> bool {
        self.process.listens(self.port)
            && client
                .get(&self.url)
                .send()
                .await
                .is_ok_and(|answer| answer.status().is_success())
    }

    /// Waits until it serves.
    ///
    /// # Errors
    /// When it ends, or does not serve in time; what it said is shown.
    pub async fn wait(&self, client: &reqwest::Client, limit: Duration) -> anyhow::Result<Outcome> {
        let deadline = Instant::now() + limit;
        while !self.serves(client).await {
            let ended = self.process.has_ended();
            if ended && self.log()?.to_lowercase().contains("address already in use") {
                return Ok(Outcome::PortTaken);
            }
            if ended || Instant::now() >= deadline {
                self.tell(client, ended).await?;
                anyhow::bail!("{} did not become ready", self.process.name);
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(Outcome::Serves)
    }

    async fn tell(&self, client: &reqwest::Client, ended: bool) -> anyhow::Result<()> {
        let name = self.process.name;
        if ended {
            eprintln!("{name} has ended:");
        } else {
            eprintln!("{name} runs but {} does not answer:", self.url);
            let answer: String = match client.get(&self.url).send().await {
                Ok(answer) => answer.text().await?,
                Err(error) => format!("{:#}", anyhow::Error::from(error)),
            };
            eprintln!("{}", answer.chars().take(ANSWER_CHARS).collect::<String>());
        }
        eprintln!("--- the end of {}", self.process.log().display());
        eprintln!("{}", tail(&self.log()?));
        Ok(())
    }

    fn log(&self) -> anyhow::Result<String> {
        read_or_empty(&self.process.log())
    }
}

/// The last lines of a text.
pub fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
}
