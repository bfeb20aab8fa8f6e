use std::collections::HashSet;

use sea_orm::{ConnectionTrait, DbErr};
use sea_orm_migration::MigratorTraitSelf;
use sea_orm_migration::prelude::*;

use super::{Db, DbError, prepare_schema, roles};
use crate::config::DatabaseConfig;

/// Makes the schema and the login, then runs the missing migrations; safe to repeat and to run twice at once. Steps
/// of a newer program are left alone: they only expanded the schema, and a rollback must not fail on them.
///
/// # Errors
/// When the owner's login may not do that, or a migration fails.
pub async fn migrate(
    config: &DatabaseConfig,
    schema: &'static str,
    steps: &'static [Step],
) -> Result<usize, DbError> {
    let mut owner_config = config.clone();
    owner_config.max_connections = 2;
    owner_config.statement_timeout_ms = 10 * 60 * 1000;
    // Not traced: making a login takes its password in the statement's text.
    let owner = Db::connect_to(&config.url, &owner_config, schema, false).await?;
    let mut lock = owner.pool().acquire().await?;
    sqlx::query("SELECT pg_advisory_lock(hashtext($1))")
        .bind("simward migrate")
        .execute(&mut *lock)
        .await?;
    let outcome = migrate_locked(&owner, config, schema, steps).await;
    sqlx::query("SELECT pg_advisory_unlock(hashtext($1))")
        .bind("simward migrate")
        .execute(&mut *lock)
        .await?;
    outcome
}

async fn migrate_locked(
    owner: &Db,
    config: &DatabaseConfig,
    schema: &'static str,
    steps: &'static [Step],
) -> Result<usize, DbError> {
    prepare_schema(owner, config, schema).await?;
    let steps = Steps::of(steps, &owner.applied_migrations().await?);
    let before = steps.get_pending_migrations(owner.orm()).await?.len();
    steps.up(owner.orm(), None).await?;
    roles::grant(owner, config, schema).await?;
    Ok(before)
}

/// One forward step of a schema. A step that was released is never edited.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// `m0001_fleet`: its place and what it makes.
    pub name: &'static str,
    /// SQL files of several statements, sent as they are.
    pub sql: &'static [&'static str],
}

impl MigrationName for Step {
    fn name(&self) -> &str {
        self.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for sql in self.sql {
            manager.get_connection().execute_unprepared(sql).await?;
        }
        Ok(())
    }
}

/// This program's steps, and the newer ones that the schema has taken already; sea-orm would refuse unknown ones.
struct Steps {
    newer: Vec<String>,
    own: &'static [Step],
}

impl Steps {
    fn of(own: &'static [Step], applied: &HashSet<String>) -> Self {
        let is_own = |name: &String| own.iter().any(|step| step.name == name);
        Self {
            newer: applied.iter().filter(|name| !is_own(name)).cloned().collect(),
            own,
        }
    }
}

impl MigratorTraitSelf for Steps {
    fn migrations(&self) -> Vec<Box<dyn MigrationTrait>> {
        let own = self.own.iter();
        let own = own.map(|step| Box::new(*step) as Box<dyn MigrationTrait>);
        let newer = self.newer.iter();
        let newer = newer.map(|name| Box::new(Newer(name.clone())) as Box<dyn MigrationTrait>);
        own.chain(newer).collect()
    }
}

/// A step that has been taken, so nobody runs it.
struct Newer(String);

impl MigrationName for Newer {
    fn name(&self) -> &str {
        &self.0
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Newer {
    async fn up(&self, _: &SchemaManager) -> Result<(), DbErr> {
        Ok(())
    }
}
