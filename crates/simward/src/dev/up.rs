//! `simward dev up`: starts what does not run with these settings, and says how to reach it.

use std::fs::File;
use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use tokio::process::Command;

use super::env_file::read_or_empty;
use super::environment::Environment;
use super::farewell::Farewell;
use super::health::{Outcome, Probe, client, tail};
use super::installation::{Installation, LOGIN_PASSWORD, LOGIN_USER, Source};
use super::ports::{self, Wish, port_of};
use super::process::Process;
use super::{EMULATOR_PATIENCE, Steps, admin_key};
use crate::services::listeners;

/// Another checkout may take a free port first; then a second attempt finds another.
const ATTEMPTS: usize = 5;
const EMULATOR_READY: Duration = Duration::from_secs(30);
const SIMWARD_READY: Duration = Duration::from_secs(60);
const USUAL_FLEET: u32 = 1000;

struct Up<'a> {
    installation: &'a Installation,
    steps: &'a Steps,
    client: reqwest::Client,
    source: Source,
}

/// Refuses settings that do not fit what runs or is stored already.
pub fn check(installation: &Installation) -> anyhow::Result<()> {
    installation.given_login()?;
    if check_source(installation)? == Source::Emulator {
        fleet(installation)?;
    }
    Ok(())
}

/// Starts everything and prints how to reach it.
pub async fn up(installation: &Installation, steps: &Steps) -> anyhow::Result<()> {
    let up = Up {
        installation,
        steps,
        client: client()?,
        source: check_source(installation)?,
    };
    installation.make_folders()?;
    up.choose_addresses(false)?;
    up.start_emulator().await?;
    let environment = up.start_simward().await?;
    let key = admin_key::ensure(installation, &environment, &up.client, steps).await?;
    up.write_dev_env(&environment, &key)?;
    steps.begin("ready");
    up.say_farewell(&key)
}

impl Up<'_> {
    /// The emulator is told the receiver's address before Simward starts. After an attempt that was refused, what
    /// Simward's log names is taken, however free it looks now.
    fn choose_addresses(&self, was_refused: bool) -> anyhow::Result<()> {
        let installation = self.installation;
        let simward = &installation.simward;
        let refused = if was_refused {
            read_or_empty(&simward.log())?
        } else {
            String::new()
        };
        let all: Vec<_> = listeners().collect();
        let mut chosen = Vec::new();
        for (index, listener) in all.iter().enumerate() {
            let later = all[index + 1..].iter();
            let others: Vec<String> = later
                .filter_map(|other| installation.given(other.variable).map(ToOwned::to_owned))
                .chain(chosen.iter().cloned())
                .collect();
            let usual = installation.remembered.get(listener.variable)?;
            let wish = Wish {
                variable: listener.variable,
                given: installation.given(listener.variable),
                usual: usual.as_deref().unwrap_or(listener.default),
            };
            let address = wish.choose(|address| {
                let port = port_of(address)?;
                let is_anothers = others
                    .iter()
                    .any(|other| port_of(other).is_ok_and(|other| other == port));
                let is_refused = refused.contains(&format!("cannot listen on {address}: "));
                Ok(is_anothers || is_refused || is_taken(simward, port))
            })?;
            installation.remembered.set(listener.variable, &address)?;
            chosen.push(address);
        }
        Ok(())
    }

    async fn start_emulator(&self) -> anyhow::Result<()> {
        if let Source::Real(address) = &self.source {
            self.installation.emulator.stop(EMULATOR_PATIENCE).await?;
            self.steps.begin(format!("1NCE at {address}"));
            return Ok(());
        }
        let fleet = fleet(self.installation)?;
        self.steps.begin(format!("1NCE emulator with {fleet} SIMs"));
        for attempt in 0..ATTEMPTS {
            if self.try_emulator(fleet, attempt > 0).await? == Outcome::Serves {
                return self.installation.remembered.set("FLEET", &fleet.to_string());
            }
        }
        anyhow::bail!("every port was taken by somebody else, five times")
    }

    async fn try_emulator(&self, fleet: u32, was_refused: bool) -> anyhow::Result<Outcome> {
        let installation = self.installation;
        let emulator = &installation.emulator;
        let port = match installation.given_or_remembered("EMULATOR_PORT")? {
            None => ports::free()?,
            Some(port) => {
                let number = port
                    .parse()
                    .with_context(|| format!("EMULATOR_PORT={port} is no port"))?;
                if was_refused || is_taken(emulator, number) {
                    anyhow::ensure!(
                        installation.given("EMULATOR_PORT").is_none(),
                        "EMULATOR_PORT={port}: something else listens there"
                    );
                    ports::free()?
                } else {
                    number
                }
            }
        };
        installation.remembered.set("EMULATOR_PORT", &port.to_string())?;
        let environment = installation.emulator_environment(port, fleet)?;
        emulator.start(&[], &environment).await?;
        let probe = Probe {
            process: emulator,
            port,
            url: format!("{}/_emulator/health", installation.emulator_url()?),
        };
        probe.wait(&self.client, EMULATOR_READY).await
    }

    /// What it runs with.
    async fn start_simward(&self) -> anyhow::Result<Environment> {
        // From here on SIMs are stored; an address that never got so far may still be mended.
        self.installation
            .remembered
            .set("SIM_SOURCE", self.source.name())?;
        self.steps.begin("migrate the database");
        self.migrate().await?;
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                let told = self.installation.receiver_url()?;
                self.choose_addresses(true)?;
                if self.installation.receiver_url()? != told {
                    self.start_emulator().await?;
                }
            }
            let environment = self.installation.simward_environment()?;
            if self.try_simward(&environment).await? == Outcome::Serves {
                return Ok(environment);
            }
        }
        anyhow::bail!("every port was taken by somebody else, five times")
    }

    async fn migrate(&self) -> anyhow::Result<()> {
        let log = self.installation.logs.join("migrate.log");
        let output = File::create(&log).with_context(|| log.display().to_string())?;
        let migrated = Command::new(self.installation.simward.program())
            .arg("migrate")
            .envs(self.installation.simward_environment()?.variables())
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .status()
            .await
            .context("simward migrate")?;
        if !migrated.success() {
            eprintln!("{}", tail(&read_or_empty(&log)?));
            anyhow::bail!("simward migrate failed");
        }
        Ok(())
    }

    async fn try_simward(&self, environment: &Environment) -> anyhow::Result<Outcome> {
        let url = self.installation.simward_url()?;
        self.steps.begin(format!("simward at {url}"));
        let simward = &self.installation.simward;
        simward.start(&["run"], environment).await?;
        let probe = Probe {
            process: simward,
            port: port_of(&url)?,
            url: format!("{url}/health/ready"),
        };
        probe.wait(&self.client, SIMWARD_READY).await
    }

    fn write_dev_env(&self, environment: &Environment, key: &str) -> anyhow::Result<()> {
        let installation = self.installation;
        let of = |name| environment.given(name).unwrap_or_default().to_owned();
        let mut entries = vec![
            ("SIMWARD_URL", installation.simward_url()?),
            (admin_key::NAME, key.to_owned()),
        ];
        if self.source == Source::Emulator {
            entries.push(("EMULATOR_URL", installation.emulator_url()?));
        }
        entries.push(("DATASTREAMER_URL", installation.receiver_url()?));
        for name in [LOGIN_USER, LOGIN_PASSWORD, "DATABASE_URL"] {
            entries.push((name, of(name)));
        }
        let consumer = installation.stack_env.get("NATS_CONSUMER_URL")?;
        entries.push(("NATS_URL", consumer.unwrap_or_default()));
        entries.push(("REDIS_URL", of("REDIS_URL")));
        let entries = entries.iter().map(|(name, value)| (*name, value.as_str()));
        installation.dev_env.replace(entries)
    }

    fn say_farewell(&self, key: &str) -> anyhow::Result<()> {
        let farewell = Farewell {
            simward_url: &self.installation.simward_url()?,
            admin_key: key,
            receiver_url: &self.installation.receiver_url()?,
            login: &self.installation.streamer_login()?,
            is_emulated: self.source == Source::Emulator,
        };
        Ok(std::io::stdout().write_all(farewell.text().as_bytes())?)
    }
}

impl Source {
    /// As it is remembered.
    fn name(&self) -> &str {
        match self {
            Self::Real(address) => address.trim_end_matches('/'),
            Self::Emulator => "emulator",
        }
    }
}

/// Two sources of SIMs in one database would look like a fleet that went missing.
fn check_source(installation: &Installation) -> anyhow::Result<Source> {
    let source = installation.source();
    if let Some(was) = installation.remembered.get("SIM_SOURCE")? {
        anyhow::ensure!(
            was == source.name(),
            "the SIMs in .local come from {was}: run 'make clean', then 'make up'"
        );
    }
    Ok(source)
}

/// The fleet is as large as asked for, or as it was: a smaller one would look like missing SIMs.
fn fleet(installation: &Installation) -> anyhow::Result<u32> {
    let was = installation.remembered.get("FLEET")?;
    let was: Option<u32> = was.map(|was| was.parse()).transpose().context("FLEET")?;
    let Some(asked) = installation.given("FLEET") else {
        return Ok(was.unwrap_or(USUAL_FLEET));
    };
    let fleet: u32 = asked
        .parse()
        .ok()
        .filter(|fleet: &u32| fleet.to_string() == asked)
        .with_context(|| format!("FLEET={asked} is no number"))?;
    if let Some(was) = was {
        anyhow::ensure!(
            fleet >= was,
            "the fleet has {was} SIMs already: run 'make clean' for a smaller one"
        );
    }
    Ok(fleet)
}

/// Whether somebody else has the port, as far as one can see before the program tries.
fn is_taken(process: &Process, port: u16) -> bool {
    ports::in_use(port) && !process.listens(port)
}
