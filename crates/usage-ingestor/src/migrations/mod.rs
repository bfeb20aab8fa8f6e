//! Forward migrations of the schema `usage`: one SQL file a step, expand first, contract later.

use sea_orm_migration::prelude::*;
use service_runtime::{lease, outbox};

/// Every step, in order.
pub struct Migrations;

impl MigratorTrait for Migrations {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(Usage), Box::new(Presence)]
    }
}

struct Usage;

impl MigrationName for Usage {
    fn name(&self) -> &str {
        "m0001_usage"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Usage {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for sql in [
            include_str!("m0001_usage.sql"),
            outbox::TABLE_SQL,
            lease::TABLE_SQL,
        ] {
            service_runtime::db::run_sql(manager, sql).await?;
        }
        Ok(())
    }
}

struct Presence;

impl MigrationName for Presence {
    fn name(&self) -> &str {
        "m0002_presence"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Presence {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        service_runtime::db::run_sql(manager, include_str!("m0002_presence.sql")).await
    }
}
