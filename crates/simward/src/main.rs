//! `simward`: every service in one process, and the commands of an administrator.
#![forbid(unsafe_code)]

mod admin;
mod audit;
mod dev;
mod doctor;
mod events;
mod keys;
mod run;
mod services;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use service_runtime::config::{ConfigError, Settings};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(name = "simward", version, about = "Runs a fleet of 1NCE SIM cards")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs every service in this process
    Run,
    /// Brings every service's schema up to date
    Migrate,
    /// Checks configuration, servers, the 1NCE login and what it may do
    Doctor {
        /// Tells instead what the end of 1NCE's API v1 changes, and what to do
        #[arg(long)]
        v2: bool,
    },
    /// Makes, lists and revokes API keys
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Verifies and exports the audit log
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Makes administrators
    #[command(subcommand)]
    Admin(admin::Admin),
    /// Shows what Simward announces on NATS
    #[command(subcommand)]
    Events(events::Events),
    /// The installation of a checkout, behind `make up`, `make down` and `make status`
    Dev(dev::Dev),
}

fn main() -> anyhow::Result<ExitCode> {
    let cli = Cli::parse();
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(dispatch(cli.command))
}

async fn dispatch(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        // An installation has settings of its own.
        Command::Dev(command) => return Ok(dev::run(command).await),
        Command::Run => run::run(&settings()?).await,
        Command::Migrate => run::migrate(&settings()?).await,
        Command::Doctor { v2: true } => doctor::tell_v2(&settings()?).await,
        Command::Doctor { v2: false } => doctor::run(&settings()?).await,
        Command::Keys(command) => keys::run(command, &settings()?).await,
        Command::Audit(command) => audit::run(command, &settings()?).await,
        Command::Admin(command) => admin::run(command, &settings()?).await,
        Command::Events(command) => events::run(command, &settings()?).await,
    }?;
    Ok(ExitCode::SUCCESS)
}

/// The settings of every service of this process.
fn settings() -> Result<Settings, ConfigError> {
    let defaults = run::SERVICES.map(|service| service.defaults).concat();
    let short_names = run::SERVICES.map(|service| service.short_names.concat()).concat();
    Settings::from_env(&defaults, &short_names)
}
