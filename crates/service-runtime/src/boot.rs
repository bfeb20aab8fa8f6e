//! The start of a service that is a process of its own, from its settings to an orderly end.

use std::time::Duration;

use anyhow::{Context, bail, ensure};

use crate::config::{ConfigError, DatabaseConfig, Settings};
use crate::db::{self, DbError, Step};
use crate::health::Health;
use crate::shutdown::Shutdown;
use crate::{Shared, admin_http, telemetry};

/// Requests in flight get this long to end: a change at a slow 1NCE takes half a minute.
const GRACE: Duration = Duration::from_secs(35);

/// What has to be known of a service before it runs.
#[derive(Debug, Clone, Copy)]
pub struct Service {
    /// The process's name, in logs and at its servers.
    pub process: &'static str,
    /// Its schema; also its word in subjects.
    pub schema: &'static str,
    /// Its migrations, in order.
    pub steps: &'static [Step],
    /// Default files of its sections.
    pub defaults: &'static [&'static str],
    /// Short names of variables, and the keys that they set.
    pub short_names: &'static [&'static [(&'static str, &'static str)]],
}

impl Service {
    /// Defaults and environment.
    ///
    /// # Errors
    /// When a default file or a variable cannot be read.
    pub fn settings(&self) -> Result<Settings, ConfigError> {
        Settings::from_env(self.defaults, &self.short_names.concat())
    }

    /// Brings the schema up to date; returns how many steps were missing.
    ///
    /// # Errors
    /// When the owner's login may not do that, or a step fails.
    pub async fn migrate(&self, config: &DatabaseConfig) -> Result<usize, DbError> {
        db::migrate(config, self.schema, self.steps).await
    }
}

/// Runs one service until a signal: `migrate` as the only argument brings its schema up to date instead. `configure` reads
/// the service's own settings before any server is asked; `start` returns what the admin server shows, if it has one.
///
/// # Errors
/// When a setting is wrong, a server refuses us, or some work does not end in time.
pub async fn run<C>(
    service: Service,
    configure: impl FnOnce(&Settings) -> anyhow::Result<C>,
    start: impl AsyncFnOnce(C, &Shared) -> anyhow::Result<Option<Health>>,
) -> anyhow::Result<()> {
    let settings = service.settings()?;
    let config = settings.runtime()?;
    let _telemetry = telemetry::init(&config.telemetry, service.process)?;
    match std::env::args().nth(1).as_deref() {
        Some("migrate") => {
            let steps = service.migrate(&config.database).await?;
            tracing::info!(steps, "schema is current");
            return Ok(());
        }
        Some(other) => bail!("unknown command `{other}`: use `migrate` or none"),
        None => {}
    }
    let own = configure(&settings)?;
    let listen = config.admin.listen.clone();
    let shared = Shared::start(config, service.process).await?;
    let health = start(own, &shared).await?;
    let mut admin = None;
    if let Some(health) = health {
        let (server, port) = admin_http::serve(&listen, health, shared.metrics.clone())
            .with_context(|| format!("cannot listen on {listen}"))?;
        tracing::info!(port, "health and metrics are served");
        admin = Some(server.handle());
        tokio::spawn(server);
    }
    tracing::info!("{} is up", service.process);
    until_signal(&shared).await?;
    if let Some(admin) = admin {
        admin.stop(true).await;
    }
    Ok(())
}

/// Waits for a signal, then for the work in flight.
///
/// # Errors
/// When some work does not end in time.
pub async fn until_signal(shared: &Shared) -> anyhow::Result<()> {
    Shutdown::on_signal().await?;
    tracing::info!("ending");
    let ended = shared.shutdown.finish(GRACE).await;
    ensure!(ended, "some work did not end within {GRACE:?}");
    Ok(())
}
