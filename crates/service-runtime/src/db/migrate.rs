use std::collections::HashSet;
use std::marker::PhantomData;

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
pub async fn migrate<M: MigratorTrait>(
    config: &DatabaseConfig,
    schema: &'static str,
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
    let outcome = migrate_locked::<M>(&owner, config, schema).await;
    sqlx::query("SELECT pg_advisory_unlock(hashtext($1))")
        .bind("simward migrate")
        .execute(&mut *lock)
        .await?;
    outcome
}

async fn migrate_locked<M: MigratorTrait>(
    owner: &Db,
    config: &DatabaseConfig,
    schema: &'static str,
) -> Result<usize, DbError> {
    prepare_schema(owner, config, schema).await?;
    let steps = Steps::<M>::of(&owner.applied_migrations().await?);
    let before = steps.get_pending_migrations(owner.orm()).await?.len();
    steps.up(owner.orm(), None).await?;
    roles::grant(owner, config, schema).await?;
    Ok(before)
}

/// Runs one migration's SQL file: several statements, sent as they are.
///
/// # Errors
/// The first failing statement's.
pub async fn run_sql(manager: &SchemaManager<'_>, sql: &str) -> Result<(), DbErr> {
    manager.get_connection().execute_unprepared(sql).await.map(|_| ())
}

/// This program's steps, and the newer ones that the schema has taken already; sea-orm would refuse unknown ones.
struct Steps<M> {
    newer: Vec<String>,
    own: PhantomData<fn() -> M>,
}

impl<M: MigratorTrait> Steps<M> {
    fn of(applied: &HashSet<String>) -> Self {
        let own: HashSet<String> = M::migrations()
            .iter()
            .map(|step| step.name().to_owned())
            .collect();
        Self {
            newer: applied.difference(&own).cloned().collect(),
            own: PhantomData,
        }
    }
}

impl<M: MigratorTrait> MigratorTraitSelf for Steps<M> {
    fn migrations(&self) -> Vec<Box<dyn MigrationTrait>> {
        let newer = self.newer.iter();
        let newer = newer.map(|name| Box::new(Newer(name.clone())) as Box<dyn MigrationTrait>);
        M::migrations().into_iter().chain(newer).collect()
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
