//! The administrator's key of the installation.

use std::process::Stdio;

use anyhow::Context;
use reqwest::StatusCode;
use tokio::process::Command;

use super::Steps;
use super::environment::Environment;
use super::installation::Installation;

/// Where `dev.env` keeps it.
pub const NAME: &str = "SIMWARD_ADMIN_KEY";

const CREATE: [&str; 10] = [
    "keys",
    "create",
    "--name",
    "dev",
    "--scopes",
    "admin",
    "--per-minute",
    "10000",
    "--per-hour",
    "100000",
];

/// The key of the start before, until the database no longer knows it (another one, or its data was removed).
pub async fn ensure(
    installation: &Installation,
    environment: &Environment,
    client: &reqwest::Client,
    steps: &Steps,
) -> anyhow::Result<String> {
    if let Some(key) = installation.dev_env.get(NAME)?
        && !is_refused(client, &installation.simward_url()?, &key).await
    {
        return Ok(key);
    }
    steps.begin("admin API key");
    create(installation, environment).await
}

/// Only a refusal makes a key useless; no answer says nothing about it.
async fn is_refused(client: &reqwest::Client, url: &str, key: &str) -> bool {
    let request = client
        .get(format!("{url}/api/v1/sims?page_size=1"))
        .header("X-API-Key", key);
    request
        .send()
        .await
        .is_ok_and(|answer| [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&answer.status()))
}

/// The key comes through a pipe, so that no list of processes shows it.
async fn create(installation: &Installation, environment: &Environment) -> anyhow::Result<String> {
    let output = Command::new(installation.simward.program())
        .args(CREATE)
        .envs(environment.variables())
        .stdin(Stdio::null())
        .output()
        .await
        .context("simward keys create")?;
    if !output.status.success() {
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
        anyhow::bail!("simward keys create failed");
    }
    let key = String::from_utf8(output.stdout)?.trim_end().to_owned();
    anyhow::ensure!(
        !key.is_empty() && !key.contains(char::is_whitespace),
        "simward keys create printed something other than a key"
    );
    Ok(key)
}
