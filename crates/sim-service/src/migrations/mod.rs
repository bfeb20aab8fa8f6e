//! Forward migrations of the schema `sim`: one SQL file a step, expand first, contract later.

use sea_orm_migration::prelude::*;
use service_runtime::{lease, outbox};

/// Every step, in order.
pub struct Migrations;

impl MigratorTrait for Migrations {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(Fleet), Box::new(FleetCounts)]
    }
}

struct Fleet;

impl MigrationName for Fleet {
    fn name(&self) -> &str {
        "m0001_fleet"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Fleet {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for sql in [
            include_str!("m0001_fleet.sql"),
            outbox::TABLE_SQL,
            lease::TABLE_SQL,
        ] {
            service_runtime::db::run_sql(manager, sql).await?;
        }
        Ok(())
    }
}

struct FleetCounts;

impl MigrationName for FleetCounts {
    fn name(&self) -> &str {
        "m0003_fleet_counts"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for FleetCounts {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        service_runtime::db::run_sql(manager, include_str!("m0003_fleet_counts.sql")).await
    }
}
