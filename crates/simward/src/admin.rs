//! `simward admin`: the first users, from the command line of whoever may reach the database.

use std::io::{BufRead, IsTerminal};

use anyhow::Context;
use clap::Subcommand;
use domain::OrganizationId;
use gateway::users::{self, NewAdmin};
use secrecy::SecretString;
use service_runtime::config::Settings;
use service_runtime::db::Db;
use uuid::Uuid;

/// Holds the password where nobody can type it.
const PASSWORD: &str = "SIMWARD_ADMIN_PASSWORD";

#[derive(Subcommand)]
pub enum Admin {
    /// Makes an administrator and prints the id; the password comes from SIMWARD_ADMIN_PASSWORD or from standard input
    Create {
        /// 1 to 64 characters of a-z, 0-9, dot, underscore, @ and dash
        #[arg(long)]
        username: String,
        /// The e-mail address, which also logs in
        #[arg(long)]
        email: String,
        /// What the person is called
        #[arg(long)]
        full_name: Option<String>,
        /// The organization it is limited to; without it the administrator reaches all
        #[arg(long)]
        organization: Option<Uuid>,
    },
}

pub async fn run(command: Admin, settings: &Settings) -> anyhow::Result<()> {
    let Admin::Create {
        username,
        email,
        full_name,
        organization,
    } = command;
    let password = password()?;
    let db = Db::connect(&settings.runtime()?.database, gateway::SERVICE.schema).await?;
    db.require_current(gateway::SERVICE.steps).await?;
    let new = NewAdmin {
        username,
        email,
        full_name,
        organization: organization.map(OrganizationId),
    };
    println!("{}", users::create_admin(&db, new, password).await?);
    Ok(())
}

/// Never an argument: those are in the list of processes and in the shell's history.
fn password() -> anyhow::Result<SecretString> {
    if let Ok(password) = std::env::var(PASSWORD) {
        return Ok(SecretString::from(password));
    }
    let input = std::io::stdin();
    if input.is_terminal() {
        eprintln!("Password, 12 to 128 characters; it shows while you type:");
    }
    let mut line = String::new();
    input
        .lock()
        .read_line(&mut line)
        .context("standard input cannot be read")?;
    let password = line.strip_suffix('\n').unwrap_or(&line);
    let password = password.strip_suffix('\r').unwrap_or(password);
    anyhow::ensure!(
        !password.is_empty(),
        "set {PASSWORD} or write the password to standard input"
    );
    Ok(SecretString::from(password))
}
