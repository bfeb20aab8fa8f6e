//! `simward doctor`: a table of what works, what does not, and what to do.

use std::fmt::Display;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{GetStreamError, GetStreamErrorKind};
use gateway::GatewayConfig;
use messages::STREAMS;
use once_client::settings::OnceSettings;
use once_client::{ClientError, Offer, OnceClient};
use service_runtime::bus::Bus;
use service_runtime::config::{DatabaseConfig, RedisConfig, RuntimeConfig, Settings};
use service_runtime::db::Db;
use service_runtime::metrics::Metrics;
use service_runtime::{Service, redis};
use usage_ingestor::IngestorConfig;

use crate::run::SERVICES;

/// One row of the table.
struct Finding {
    subject: String,
    verdict: Verdict,
    detail: String,
}

#[derive(Clone, Copy, PartialEq)]
enum Verdict {
    Works,
    Limited,
    Broken,
}

struct Report(Vec<Finding>);

impl Report {
    fn add(&mut self, subject: impl Display, verdict: Verdict, detail: impl Display) {
        self.0.push(Finding {
            subject: subject.to_string(),
            verdict,
            detail: detail.to_string(),
        });
    }

    fn works(&mut self, subject: impl Display, detail: impl Display) {
        self.add(subject, Verdict::Works, detail);
    }

    fn broken(&mut self, subject: impl Display, detail: impl Display) {
        self.add(subject, Verdict::Broken, detail);
    }

    fn print(&self) {
        let width = self
            .0
            .iter()
            .map(|finding| finding.subject.len())
            .max()
            .unwrap_or(0);
        for finding in &self.0 {
            let word = match finding.verdict {
                Verdict::Works => "ok    ",
                Verdict::Limited => "limit ",
                Verdict::Broken => "BROKEN",
            };
            println!("{word}  {:width$}  {}", finding.subject, finding.detail);
        }
    }
}

/// Checks everything and prints the table.
///
/// # Errors
/// When something that Simward cannot work without is broken.
pub async fn run(settings: &Settings) -> anyhow::Result<()> {
    let mut report = Report(Vec::new());
    match GatewayConfig::from_settings(settings) {
        Ok(_) => report.works("gateway settings", "complete"),
        Err(error) => report.broken("gateway settings", error),
    }
    check_receiver(settings, &mut report);
    match settings.runtime() {
        Ok(config) => {
            report.works("server settings", "complete");
            check_servers(&config, &mut report).await;
        }
        Err(error) => report.broken("server settings", error),
    }
    check_provider(settings, &mut report).await;
    report.print();
    let broken = report
        .0
        .iter()
        .filter(|finding| finding.verdict == Verdict::Broken)
        .count();
    anyhow::ensure!(broken == 0, "{broken} thing(s) to mend");
    Ok(())
}

fn check_receiver(settings: &Settings, report: &mut Report) {
    let subject = "Data Streamer login";
    match IngestorConfig::from_settings(settings) {
        Ok(usage) if usage.user.is_empty() => report.add(
            subject,
            Verdict::Limited,
            "not set, so nothing is received: choose DATASTREAMER_USER and DATASTREAMER_PASSWORD, then make streams \
             with them in the portal",
        ),
        Ok(usage) => {
            let next = if usage.next_user.is_empty() { "" } else { ", and the next one" };
            report.works(subject, format!("set{next}, received at {}", usage.listen));
        }
        Err(error) => report.broken("usage settings", error),
    }
}

async fn check_servers(config: &RuntimeConfig, report: &mut Report) {
    for service in SERVICES {
        check_database(&config.database, service, report).await;
    }
    match Bus::connect(&config.nats, "simward-doctor").await {
        Ok(bus) => check_streams(&bus, report).await,
        Err(error) => report.broken(
            "NATS",
            format!("{error}: check NATS_URL and that the server runs"),
        ),
    }
    match redis::pool(&config.redis) {
        Ok(None) => report.add(
            "Redis",
            Verdict::Limited,
            "REDIS_URL is not set: no shared cache, token or budget",
        ),
        Ok(Some(pool)) => match redis::ping(&pool).await {
            Ok(()) => report.works("Redis", "answers"),
            Err(error) => report.add(
                "Redis",
                Verdict::Limited,
                format!("{error}: no shared cache, token or budget"),
            ),
        },
        Err(error) => report.broken("Redis", error),
    }
}

async fn check_database(config: &DatabaseConfig, service: Service, report: &mut Report) {
    let schema = service.schema;
    let subject = format!("database, schema {schema}");
    let advice = match Db::connect(config, schema).await {
        Ok(db) => return check_schema(&db, service, subject, report).await,
        Err(error) if owner_connects(config, schema).await => {
            format!("{error}: the owner's login works, so run `simward migrate`, which makes this one")
        }
        Err(error) => format!("{error}: check DATABASE_URL and that the server runs"),
    };
    report.broken(subject, advice);
}

/// Before the first migration the services have no logins of their own.
async fn owner_connects(config: &DatabaseConfig, schema: &'static str) -> bool {
    let mut owner = config.clone();
    owner.logins.clear();
    Db::connect(&owner, schema).await.is_ok()
}

async fn check_schema(db: &Db, service: Service, subject: String, report: &mut Report) {
    if let Err(error) = db.require_current(service.steps).await {
        return report.broken(subject, error);
    }
    let edition: Result<Option<String>, _> =
        sqlx::query_scalar("SELECT current_setting('timescaledb.license', true)")
            .fetch_one(db.pool())
            .await;
    match edition {
        Ok(Some(edition)) => report.works(subject, format!("up to date, TimescaleDB {edition} edition")),
        Ok(None) => report.add(subject, Verdict::Limited, "up to date, without TimescaleDB"),
        Err(error) => report.broken(subject, error),
    }
}

async fn check_streams(bus: &Bus, report: &mut Report) {
    report.works("NATS", "answers");
    for spec in STREAMS {
        let name = bus.subjects().stream(spec.name);
        match bus.jetstream().get_stream(&name).await {
            Ok(_) => report.works(format!("stream {name}"), "exists"),
            Err(error) if is_absent(&error) => report.add(
                format!("stream {name}"),
                Verdict::Limited,
                "is made when Simward starts",
            ),
            Err(error) => report.broken(
                format!("stream {name}"),
                format!("{error}: NATS needs JetStream switched on, and NATS_URL a login that may use it"),
            ),
        }
    }
}

fn is_absent(error: &GetStreamError) -> bool {
    let GetStreamErrorKind::JetStream(answer) = error.kind() else {
        return false;
    };
    answer.error_code() == ErrorCode::STREAM_NOT_FOUND
}

async fn check_provider(settings: &Settings, report: &mut Report) {
    let client = match provider(settings) {
        Ok(client) => client,
        Err(error) => return report.broken("1NCE settings", error),
    };
    match client.login().await {
        Ok(_) => report.works("1NCE login", format!("account {}", client.account())),
        Err(error) => return report.broken("1NCE login", hint(&error)),
    }
    let capabilities = client.capabilities().await;
    if !capabilities.probed {
        report.add(
            "1NCE capabilities",
            Verdict::Limited,
            "1NCE could not be asked; these are assumed",
        );
    }
    for (capability, offer) in &capabilities.offers {
        let subject = format!("1NCE {capability:?}");
        match offer {
            Offer::Via(generation) => report.works(subject, format!("API {}", generation.word())),
            Offer::Untried(generation) => {
                report.works(
                    subject,
                    format!("API {}, to be found out by the first use", generation.word()),
                );
            }
            Offer::Unavailable(why) => report.add(subject, Verdict::Limited, why),
        }
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
                "{error}: make a client id and secret in the portal and set ONCE_CLIENT_ID, ONCE_CLIENT_SECRET"
            )
        }
        _ => format!("{error}: check ONCE_API_BASE_URL and the network"),
    }
}
