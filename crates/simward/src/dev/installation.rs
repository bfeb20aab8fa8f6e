//! What the installation of a checkout keeps in `.local`, and the settings that follow from it.

use std::path::{Path, PathBuf};

use anyhow::Context;

use super::env_file::{EnvFile, private_folder};
use super::environment::{Environment, Variables, given, hex};
use super::ports;
use super::process::Process;
use crate::services::{Listener, listeners, services};

/// The receiver's address as the emulator is told it.
const RECEIVER: &str = "SIMWARD_INGEST_LISTEN";
/// The Data Streamer's login.
pub const LOGIN_USER: &str = "DATASTREAMER_USER";
/// Its password.
pub const LOGIN_PASSWORD: &str = "DATASTREAMER_PASSWORD";
/// The emulator's own default customer.
const EMULATED_LOGIN: (&str, &str) = ("990001_simward", "emulator-secret");
/// History that the emulated streams begin with: a large fleet would need hours for a month.
const HISTORY_DAYS: (u32, &str, &str) = (5000, "2", "30");

/// The files, the programs and the given variables of one installation.
#[derive(Debug, Clone)]
pub struct Installation {
    /// What the caller's environment gives.
    pub given: Variables,
    /// What a later start uses again: ports, the size of the fleet.
    pub remembered: EnvFile,
    /// What was made once and must stay: with another secret every API key in the database would be void.
    pub secrets: EnvFile,
    /// Addresses and logins for people.
    pub dev_env: EnvFile,
    /// Addresses and logins of the servers, by `deploy/dev/stack`.
    pub stack_env: EnvFile,
    /// Simward.
    pub simward: Process,
    /// The emulated 1NCE.
    pub emulator: Process,
    /// What the programs print.
    pub logs: PathBuf,
    run: PathBuf,
}

/// Where the SIMs come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// 1NCE at this address.
    Real(String),
    /// The emulated 1NCE.
    Emulator,
}

/// The login that the Data Streamer posts with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamerLogin {
    /// User.
    pub user: String,
    /// Password.
    pub password: String,
}

impl Installation {
    /// The one in the folder `local`, with the programs that lie in the folder `programs`.
    pub fn new(local: &Path, programs: &Path, given: Variables) -> Self {
        let (run, logs) = (local.join("run"), local.join("log"));
        Self {
            given,
            remembered: EnvFile::new(run.join("remembered.env")),
            secrets: EnvFile::new(local.join("secrets.env")),
            dev_env: EnvFile::new(local.join("dev.env")),
            stack_env: EnvFile::new(local.join("stack").join("stack.env")),
            simward: Process::new("simward", programs, &run, &logs),
            emulator: Process::new("once-emulator", programs, &run, &logs),
            run,
            logs,
        }
    }

    /// Makes the folders that what is remembered and printed lies in.
    pub fn make_folders(&self) -> anyhow::Result<()> {
        private_folder(&self.run)?;
        private_folder(&self.logs)
    }

    /// A variable that the caller gives; an empty one is not given.
    pub fn given(&self, name: &str) -> Option<&str> {
        given(&self.given, name)
    }

    /// What the caller gives, or else what an earlier start found.
    pub fn given_or_remembered(&self, name: &str) -> anyhow::Result<Option<String>> {
        match self.given(name) {
            Some(value) => Ok(Some(value.to_owned())),
            None => self.remembered.get(name),
        }
    }

    /// Where this service listens.
    pub fn address(&self, listener: &Listener) -> anyhow::Result<String> {
        Ok(self
            .given_or_remembered(listener.variable)?
            .unwrap_or_else(|| listener.default.to_owned()))
    }

    /// Where the REST API is.
    pub fn simward_url(&self) -> anyhow::Result<String> {
        let api = listeners().next().context("a service that listens")?;
        Ok(ports::url(&self.address(&api)?))
    }

    /// Where the Data Streamer posts to.
    pub fn receiver_url(&self) -> anyhow::Result<String> {
        let mut all = listeners();
        let receiver = all.find(|listener| listener.variable == RECEIVER);
        let address = self.address(&receiver.context("a service that receives the Data Streamer")?)?;
        Ok(format!("{}/datastreamer/v1", ports::url(&address)))
    }

    /// Where the SIMs come from.
    pub fn source(&self) -> Source {
        self.given("ONCE_API_BASE_URL")
            .map_or(Source::Emulator, |url| Source::Real(url.to_owned()))
    }

    /// The address of the emulated 1NCE, once it has one.
    pub fn emulator_url(&self) -> anyhow::Result<String> {
        let port = self.remembered.get("EMULATOR_PORT")?;
        Ok(format!(
            "http://127.0.0.1:{}",
            port.context("the emulator was not started yet: make up")?
        ))
    }

    /// The login that streams post with, when the caller gives one.
    ///
    /// # Errors
    /// When only half of it is given.
    pub fn given_login(&self) -> anyhow::Result<Option<StreamerLogin>> {
        match [LOGIN_USER, LOGIN_PASSWORD].map(|name| self.given(name)) {
            [Some(user), Some(password)] => Ok(Some(StreamerLogin {
                user: user.to_owned(),
                password: password.to_owned(),
            })),
            [None, None] => Ok(None),
            _ => anyhow::bail!("{LOGIN_USER} and {LOGIN_PASSWORD} go together"),
        }
    }

    /// The login that streams post with: as given, also in an earlier run, or made once.
    pub fn streamer_login(&self) -> anyhow::Result<StreamerLogin> {
        if let Some(login) = self.given_login()? {
            self.secrets.set(LOGIN_USER, &login.user)?;
            self.secrets.set(LOGIN_PASSWORD, &login.password)?;
            return Ok(login);
        }
        Ok(StreamerLogin {
            user: self.secret(LOGIN_USER, || "1nce".to_owned())?,
            password: self.secret(LOGIN_PASSWORD, || hex(&rand::random::<[u8; 24]>()))?,
        })
    }

    /// What every command of simward is started with. The servers' addresses replace the caller's: `dev.env` names the
    /// login that only reads events.
    pub fn simward_environment(&self) -> anyhow::Result<Environment> {
        let logins: Vec<String> = services().map(|service| service.url_variable()).collect();
        let mut environment = Environment::new(self.given.clone(), simward_settings());
        for name in ["DATABASE_URL", "NATS_URL", "REDIS_URL"]
            .into_iter()
            .chain(logins.iter().map(String::as_str))
        {
            let value = self.stack_env.get(name)?;
            let value = value.with_context(|| format!("the servers' addresses lack {name}: make up"))?;
            environment.set(name, value);
        }
        if self.given("SIMWARD_KEY_SECRET").is_none() {
            let secret = self.secret("SIMWARD_KEY_SECRET", || hex(&rand::random::<[u8; 32]>()))?;
            environment.set("SIMWARD_KEY_SECRET", secret);
        }
        if self.source() == Source::Emulator {
            let (id, secret) = EMULATED_LOGIN;
            environment.set(
                "ONCE_API_BASE_URL",
                format!("{}/management-api", self.emulator_url()?),
            );
            environment.set("ONCE_CLIENT_ID", id);
            environment.set("ONCE_CLIENT_SECRET", secret);
            // The emulator travels in time, Simward does not.
            environment.default("SIMWARD__USAGE__MAX_FUTURE_HOURS", "876000");
        }
        for listener in listeners() {
            environment.set(listener.variable, self.address(&listener)?);
        }
        environment.default("RUST_LOG", "info");
        let login = self.streamer_login()?;
        environment.set(LOGIN_USER, login.user);
        environment.set(LOGIN_PASSWORD, login.password);
        Ok(environment)
    }

    /// What the emulator is started with.
    pub fn emulator_environment(&self, port: u16, fleet: u32) -> anyhow::Result<Environment> {
        let settings = ["EMULATOR_", "FLEET", "RUST_LOG"].map(ToOwned::to_owned);
        let login = self.streamer_login()?;
        let (large, short, long) = HISTORY_DAYS;
        let mut environment = Environment::new(self.given.clone(), settings.into());
        environment.set("EMULATOR_LISTEN", format!("127.0.0.1:{port}"));
        environment.set("FLEET", fleet.to_string());
        environment.set("EMULATOR_STREAM_URL", self.receiver_url()?);
        environment.set("EMULATOR_STREAM_USER", login.user);
        environment.set("EMULATOR_STREAM_PASSWORD", login.password);
        environment.default(
            "EMULATOR_STREAM_HISTORY_DAYS",
            if fleet > large { short } else { long },
        );
        Ok(environment)
    }

    fn secret(&self, name: &str, make: impl FnOnce() -> String) -> anyhow::Result<String> {
        if let Some(secret) = self.secrets.get(name)? {
            return Ok(secret);
        }
        let secret = make();
        self.secrets.set(name, &secret)?;
        Ok(secret)
    }
}

/// What the names of the settings of simward begin with.
fn simward_settings() -> Vec<String> {
    let own = [
        "DATABASE_URL",
        "SIMWARD_",
        "DATASTREAMER_",
        "ONCE_",
        "NATS_",
        "REDIS_",
        "RUST_LOG",
        "OTEL_",
    ];
    own.map(ToOwned::to_owned)
        .into_iter()
        .chain(services().map(|service| service.url_variable()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installation(folder: &tempfile::TempDir, given: &[(&str, &str)]) -> Installation {
        let given = given
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let installation = Installation::new(folder.path(), Path::new("/programs"), given.collect());
        installation.make_folders().unwrap();
        private_folder(&folder.path().join("stack")).unwrap();
        let mut servers = vec![
            ("DATABASE_URL".to_owned(), "postgres://owner".to_owned()),
            ("NATS_URL".to_owned(), "nats://simward".to_owned()),
            ("REDIS_URL".to_owned(), "redis://r".to_owned()),
        ];
        servers.extend(
            services().map(|service| (service.url_variable(), format!("postgres://{}", service.schema))),
        );
        let lines = servers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        installation.stack_env.replace(lines).unwrap();
        installation
    }

    fn of(environment: &Environment, name: &str) -> String {
        environment.given(name).unwrap_or_default().to_owned()
    }

    #[test]
    fn secrets_are_made_once_and_a_given_login_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let made = installation(&folder, &[]).streamer_login().unwrap();
        assert_eq!((made.user.as_str(), made.password.len()), ("1nce", 48));
        assert_eq!(installation(&folder, &[]).streamer_login().unwrap(), made);

        let given = [("DATASTREAMER_USER", "ann"), ("DATASTREAMER_PASSWORD", "it's")];
        let login = installation(&folder, &given).streamer_login().unwrap();

        assert_eq!((login.user.as_str(), login.password.as_str()), ("ann", "it's"));
        assert_eq!(installation(&folder, &[]).streamer_login().unwrap(), login);
    }

    #[test]
    fn half_a_login_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let half = installation(&folder, &[("DATASTREAMER_USER", "ann")]);
        assert_eq!(
            half.streamer_login().unwrap_err().to_string(),
            "DATASTREAMER_USER and DATASTREAMER_PASSWORD go together"
        );
    }

    #[test]
    fn simward_is_given_the_servers_logins_and_the_emulator() {
        let folder = tempfile::tempdir().unwrap();
        let installation = installation(
            &folder,
            &[("NATS_URL", "nats://consumer"), ("SIMWARD_LISTEN", "0.0.0.0:1")],
        );
        installation.remembered.set("EMULATOR_PORT", "20001").unwrap();

        let environment = installation.simward_environment().unwrap();

        assert_eq!(of(&environment, "NATS_URL"), "nats://simward");
        assert_eq!(of(&environment, "SIM_DATABASE_URL"), "postgres://sim");
        assert_eq!(
            of(&environment, "ONCE_API_BASE_URL"),
            "http://127.0.0.1:20001/management-api"
        );
        assert_eq!(of(&environment, "SIMWARD_LISTEN"), "0.0.0.0:1");
        assert_eq!(of(&environment, "SIMWARD_INGEST_LISTEN"), "127.0.0.1:8081");
        assert_eq!(installation.simward_url().unwrap(), "http://127.0.0.1:1");
    }

    #[test]
    fn the_real_1nce_is_reached_with_the_callers_login_only() {
        let folder = tempfile::tempdir().unwrap();
        let given = [("ONCE_API_BASE_URL", "https://1nce"), ("ONCE_CLIENT_ID", "me")];
        let environment = installation(&folder, &given).simward_environment().unwrap();
        assert_eq!(of(&environment, "ONCE_CLIENT_ID"), "me");
        assert_eq!(of(&environment, "ONCE_CLIENT_SECRET"), "");
        assert_eq!(of(&environment, "SIMWARD__USAGE__MAX_FUTURE_HOURS"), "");
    }

    #[test]
    fn the_emulator_posts_to_the_receiver_and_a_large_fleet_has_a_short_history() {
        let folder = tempfile::tempdir().unwrap();
        let installation = installation(&folder, &[]);
        let small = installation.emulator_environment(20_001, 1000).unwrap();
        assert_eq!(
            of(&small, "EMULATOR_STREAM_URL"),
            "http://127.0.0.1:8081/datastreamer/v1"
        );
        assert_eq!(of(&small, "EMULATOR_STREAM_HISTORY_DAYS"), "30");
        let large = installation.emulator_environment(20_001, 100_000).unwrap();
        assert_eq!(of(&large, "EMULATOR_STREAM_HISTORY_DAYS"), "2");
    }
}
