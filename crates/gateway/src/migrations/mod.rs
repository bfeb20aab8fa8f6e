//! Forward SQL, one file per step; a step that was released is never edited.

use sea_orm_migration::prelude::*;
use service_runtime::db::run_sql;

pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(Identity), Box::new(Sessions)]
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

struct Sessions;

impl MigrationName for Sessions {
    fn name(&self) -> &str {
        "m0002_sessions"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Sessions {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run_sql(manager, include_str!("m0002_sessions.sql")).await
    }
}
