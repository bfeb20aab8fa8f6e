//! Forward SQL, one file per step; a step that was released is never edited.

use sea_orm_migration::prelude::*;
use service_runtime::db::run_sql;

pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(Identity), Box::new(Idempotency)]
    }
}

struct Identity;

impl MigrationName for Identity {
    fn name(&self) -> &str {
        "m0001_identity"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Identity {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run_sql(manager, include_str!("m0001_identity.sql")).await
    }
}

struct Idempotency;

impl MigrationName for Idempotency {
    fn name(&self) -> &str {
        "m0003_idempotency"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Idempotency {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run_sql(manager, include_str!("m0003_idempotency.sql")).await
    }
}
