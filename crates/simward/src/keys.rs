//! `simward keys`: API keys, from the command line of whoever may reach the database.

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use clap::Subcommand;
use domain::OrganizationId;
use gateway::keys::{self, NewKey};
use gateway::{GatewayConfig, Permission};
use secrecy::ExposeSecret;
use service_runtime::config::Settings;
use service_runtime::db::Db;
use uuid::Uuid;

#[derive(Subcommand)]
pub enum Keys {
    /// Makes a key and prints it; it is never shown again
    Create {
        /// What it is for
        #[arg(long)]
        name: String,
        /// Permissions, such as read:sims,write:sims; admin means all
        #[arg(long, value_delimiter = ',', default_value = "read:sims")]
        scopes: Vec<Permission>,
        /// The organization it is limited to; without it the key reaches all
        #[arg(long)]
        organization: Option<Uuid>,
        /// Days until it expires
        #[arg(long)]
        days: Option<u32>,
        /// Requests per minute
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i32).range(1..=1_000_000_000))]
        per_minute: i32,
        /// Requests per hour
        #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(i32).range(1..=1_000_000_000))]
        per_hour: i32,
    },
    /// Lists every key without its secret
    List,
    /// Ends a key; takes effect within a second
    Revoke {
        /// The key's id or visible prefix
        key: String,
    },
}

pub async fn run(command: Keys, settings: &Settings) -> anyhow::Result<()> {
    let database = settings.runtime()?.database;
    let config = GatewayConfig::from_settings(settings)?;
    let db = Db::connect(&database, "gateway").await?;
    match command {
        Keys::Create {
            name,
            scopes,
            organization,
            days,
            per_minute,
            per_hour,
        } => {
            let new = NewKey {
                organization: organization.map(OrganizationId),
                expires_at: days.map(end_after).transpose()?,
                rate_limit_per_minute: per_minute,
                rate_limit_per_hour: per_hour,
                ..NewKey::new(name, scopes)
            };
            println!(
                "{}",
                keys::create(&db, &config.keys.key_secret, new)
                    .await?
                    .key
                    .expose_secret()
            );
        }
        Keys::List => {
            println!(
                "{:36}  {:8}  {:7}  {:24}  name",
                "id", "prefix", "state", "scopes"
            );
            for key in keys::list(&db, None).await? {
                let ended = key.revoked_at.is_some() || key.expires_at.is_some_and(|end| end <= Utc::now());
                let state = if ended { "ended" } else { "active" };
                println!(
                    "{}  {}  {state:7}  {:24}  {}",
                    key.id,
                    key.prefix,
                    key.scopes.join(","),
                    key.name
                );
            }
        }
        Keys::Revoke { key } => {
            anyhow::ensure!(
                keys::revoke(&db, &key, "cli").await?,
                "there is no active key {key}"
            );
            println!("revoked {key}");
        }
    }
    Ok(())
}

fn end_after(days: u32) -> anyhow::Result<DateTime<Utc>> {
    let end = TimeDelta::try_days(days.into()).and_then(|time| Utc::now().checked_add_signed(time));
    end.context("--days reaches beyond the calendar")
}
