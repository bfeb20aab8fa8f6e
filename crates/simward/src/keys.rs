//! `simward keys`: API keys, from the command line of whoever may reach the database.

use clap::Subcommand;
use gateway::GatewayConfig;
use gateway::keys::{self, NewKey};
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
        scopes: Vec<String>,
        /// The organization it is limited to; without it the key reaches all
        #[arg(long)]
        organization: Option<Uuid>,
        /// Days until it expires
        #[arg(long)]
        days: Option<u32>,
    },
    /// Lists every key without its secret
    List,
    /// Ends a key; takes effect within a second
    Revoke {
        /// The key's id
        id: Uuid,
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
        } => {
            let organization = organization.map(domain::OrganizationId);
            let expires_at = days.map(|days| chrono::Utc::now() + chrono::TimeDelta::days(days.into()));
            let new = NewKey {
                name,
                scopes,
                organization,
                expires_at,
                ..NewKey::default()
            };
            println!("{}", keys::create(&db, &config.key_secret, new).await?.key);
        }
        Keys::List => {
            for key in keys::list(&db).await? {
                println!("{}", serde_json::to_string(&key)?);
            }
        }
        Keys::Revoke { id } => {
            anyhow::ensure!(keys::revoke(&db, id).await?, "there is no active key {id}");
            println!("revoked {id}");
        }
    }
    Ok(())
}
