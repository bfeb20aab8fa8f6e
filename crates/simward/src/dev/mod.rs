//! `simward dev`: Simward and the emulated 1NCE of a checkout, behind `make up`, `make down` and `make status`. The
//! scripts of `deploy/dev` build the programs, start the servers and see to it that two of them never run at once.

mod admin_key;
mod env_file;
mod environment;
mod farewell;
mod health;
mod installation;
mod ports;
mod process;
mod status;
mod up;

use std::ffi::OsString;
use std::fmt::Display;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::{Args, Subcommand};
use installation::Installation;

/// Simward gives requests in flight 35 seconds to end.
const PATIENCE: Duration = Duration::from_secs(40);
/// The emulator holds nothing that is worth a wait.
const EMULATOR_PATIENCE: Duration = Duration::from_secs(5);

#[derive(Args)]
pub struct Dev {
    /// The folder of the installation
    #[arg(long, default_value = ".local")]
    local: PathBuf,
    /// Seconds that `make` has worked already, for the times that are shown
    #[arg(long, default_value_t = 0)]
    elapsed: u64,
    #[command(subcommand)]
    command: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Refuses at once what `up` would refuse after a build
    Check,
    /// Starts what does not run with these settings and prints how to reach it
    Up,
    /// Stops both programs
    Down {
        /// The data will be removed too
        #[arg(long)]
        clean: bool,
    },
    /// Shows both programs, their ports and whether they serve
    Status,
    /// Runs a command of simward with the settings of the installation
    Exec {
        /// The command, such as doctor
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

/// Runs the command; failures are told here, in the words of the scripts around it.
pub async fn run(dev: Dev) -> ExitCode {
    match act(dev).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn act(dev: Dev) -> anyhow::Result<ExitCode> {
    let steps = Steps::after(Duration::from_secs(dev.elapsed));
    let programs = std::env::current_exe()?;
    let programs = programs.parent().context("a program lies in a folder")?;
    let installation = Installation::new(&dev.local, programs, environment::inherited());
    match dev.command {
        Action::Check => up::check(&installation)?,
        Action::Up => up::up(&installation, &steps).await?,
        Action::Down { clean } => down(&installation, &steps, clean).await?,
        Action::Status => return status::show(&installation).await,
        Action::Exec { arguments } => return exec(&installation, arguments),
    }
    Ok(ExitCode::SUCCESS)
}

async fn down(installation: &Installation, steps: &Steps, clean: bool) -> anyhow::Result<()> {
    steps.begin("stop simward and the emulator");
    installation.simward.stop(PATIENCE).await?;
    if installation.emulator.stop(EMULATOR_PATIENCE).await? && !clean {
        eprintln!(
            "The emulated 1NCE forgets what was changed in it: the first sweep after the next 'make up' brings its \
             labels and states back"
        );
    }
    Ok(())
}

/// Becomes the command.
fn exec(installation: &Installation, arguments: Vec<OsString>) -> anyhow::Result<ExitCode> {
    let environment = installation.simward_environment()?;
    let failure = Command::new(installation.simward.program())
        .args(arguments)
        .envs(environment.variables())
        .exec();
    Err(failure).with_context(|| installation.simward.program().display().to_string())
}

/// What happens now, and how long it took to get here.
struct Steps {
    began: Instant,
    before: Duration,
}

impl Steps {
    fn after(before: Duration) -> Self {
        Self {
            began: Instant::now(),
            before,
        }
    }

    fn begin(&self, words: impl Display) {
        let elapsed = self.before + self.began.elapsed();
        eprintln!("[{:3}s] {words}", elapsed.as_secs());
    }
}
