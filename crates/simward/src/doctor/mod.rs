//! `simward doctor`: a table of what works, what does not, and what to do.

mod provider;
mod readiness;
mod report;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{GetStreamError, GetStreamErrorKind};
use gateway::GatewayConfig;
use messages::STREAMS;
use service_runtime::bus::Bus;
use service_runtime::config::{DatabaseConfig, RuntimeConfig, Settings};
use service_runtime::db::Db;
use service_runtime::{Service, redis};
use usage_ingestor::IngestorConfig;

use crate::run::SERVICES;
use report::Report;

pub use provider::tell as tell_v2;

/// Checks everything and prints the table.
///
/// # Errors
/// When something that Simward cannot work without is broken.
pub async fn run(settings: &Settings) -> anyhow::Result<()> {
    let mut report = Report::default();
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
    provider::check(settings, &mut report).await;
    report.print()
}

fn check_receiver(settings: &Settings, report: &mut Report) {
    let subject = "Data Streamer login";
    match IngestorConfig::from_settings(settings) {
        Ok(usage) if usage.user.is_empty() => report.limited(subject, "not set, so nothing is received: choose DATASTREAMER_USER and DATASTREAMER_PASSWORD, then make streams \
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
        Ok(None) => report.limited("Redis", "REDIS_URL is not set: no shared cache, token or budget"),
        Ok(Some(pool)) => match redis::ping(&pool).await {
            Ok(()) => report.works("Redis", "answers"),
            Err(error) => report.limited("Redis", format!("{error}: no shared cache, token or budget")),
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
        Ok(None) => report.limited(subject, "up to date, without TimescaleDB"),
        Err(error) => report.broken(subject, error),
    }
    if service.schema == sim_service::SERVICE.schema {
        check_fleet(db, report).await;
    }
}

async fn check_fleet(db: &Db, report: &mut Report) {
    match sim_service::doctor::search_folds_case(db).await {
        Ok(true) => {}
        Ok(false) => report.doubtful(
            "search",
            "the database leaves letters such as Ü as they are, so a search for `über` does not find `ÜBER`: make the \
             database with a locale such as C.UTF-8 or en_US.UTF-8",
        ),
        Err(error) => report.broken("search", error),
    }
    match sim_service::doctor::doubts_of_sweeps(db).await {
        Ok(doubts) => doubts.iter().for_each(|doubt| report.doubtful("sweeps", doubt)),
        Err(error) => report.broken("sweeps", error),
    }
}

async fn check_streams(bus: &Bus, report: &mut Report) {
    report.works("NATS", "answers");
    for spec in STREAMS {
        let name = bus.subjects().stream(spec.name);
        match bus.jetstream().get_stream(&name).await {
            Ok(_) => report.works(format!("stream {name}"), "exists"),
            Err(error) if is_absent(&error) => {
                report.limited(format!("stream {name}"), "is made when Simward starts")
            }
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
