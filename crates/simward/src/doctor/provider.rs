//! What the doctor asks 1NCE.

use messages::pb::sim::CapabilityReadiness;
use once_client::settings::OnceSettings;
use once_client::{ClientError, Lane, OnceClient};
use service_runtime::config::{RedisConfig, Settings};
use service_runtime::metrics::Metrics;
use service_runtime::redis;
use sim_service::doctor::{NEW_CREDENTIALS, readiness, v1_end};

use super::report::{Report, Verdict};

/// Whether the login works, which generation lists SIMs, and what runs through which.
pub async fn check(settings: &Settings, report: &mut Report) {
    let Some(client) = logged_in(settings, report).await else {
        return;
    };
    check_list(&client, report).await;
    let known = readiness(&client).await;
    if known.asked_at.is_none() && known.generations.iter().any(|of| of.state == "unknown") {
        report.limited("1NCE capabilities", "1NCE could not be asked; these are assumed");
    }
    for capability in &known.capabilities {
        let (verdict, detail) = judged(capability);
        report.add(format!("1NCE {}", capability.capability), verdict, detail);
    }
}

/// What the end of v1 changes, in plain words.
///
/// # Errors
/// When the login does not work or no generation lists SIMs.
pub async fn tell(settings: &Settings) -> anyhow::Result<()> {
    let mut report = Report::default();
    let client = logged_in(settings, &mut report).await;
    if let Some(client) = &client {
        check_list(client, &mut report).await;
        print!("{}", super::readiness::text(&readiness(client).await));
        println!();
    }
    report.print()
}

async fn logged_in(settings: &Settings, report: &mut Report) -> Option<OnceClient> {
    let client = match provider(settings) {
        Ok(client) => client,
        Err(error) => {
            report.broken("1NCE settings", error);
            return None;
        }
    };
    if let Err(error) = client.login().await {
        report.broken("1NCE login", hint(&error));
        return None;
    }
    report.works("1NCE login", format!("account {}", client.account()));
    Some(client)
}

/// Without a list of SIMs there is nothing that Simward could do.
async fn check_list(client: &OnceClient, report: &mut Report) {
    match client.list_sims(Lane::Interactive, 1, 1).await {
        Ok(page) => report.works("1NCE SIM list", format!("API {}", page.generation.word())),
        Err(error) => report.broken(
            "1NCE SIM list",
            format!("no generation lists SIMs: {}", hint(&error)),
        ),
    }
}

fn judged(capability: &CapabilityReadiness) -> (Verdict, String) {
    let sentence = [capability.sentence.as_str(), capability.instead.as_str()].join(" ");
    let sentence = sentence.trim_end();
    match (capability.outlook.as_str(), capability.generation.as_str()) {
        ("stays", via) => (Verdict::Works, format!("API {via}")),
        ("expected", via) => (
            Verdict::Works,
            format!("API {via}, as documented; no call has proved it yet"),
        ),
        ("unavailable", _) => (Verdict::Limited, sentence.to_owned()),
        ("unconfirmed", _) => (Verdict::Works, sentence.to_owned()),
        (_, "v1") => (
            Verdict::Limited,
            format!("API v1, which ends {}: {sentence}", v1_end()),
        ),
        _ => (Verdict::Works, sentence.to_owned()),
    }
}

fn provider(settings: &Settings) -> anyhow::Result<OnceClient> {
    let once: OnceSettings = settings.section("once")?;
    let redis_config: RedisConfig = settings.section("redis")?;
    let client = once.client(&redis_config.prefix)?;
    Ok(OnceClient::new(
        client,
        redis::pool(&redis_config)?,
        Metrics::new()?.recorder(),
    )?)
}

fn hint(error: &ClientError) -> String {
    match error {
        ClientError::Login(failure) if failure.refused => {
            format!(
                "1NCE refuses the client id and secret ({}): {NEW_CREDENTIALS}",
                failure.message
            )
        }
        _ => format!("{error}: check ONCE_API_BASE_URL and the network"),
    }
}
