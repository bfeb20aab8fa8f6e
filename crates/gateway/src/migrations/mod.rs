//! Forward SQL, one file per step; a step that was released is never edited.

use sea_orm_migration::prelude::*;
use service_runtime::db::run_sql;

pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(Identity), Box::new(AuditChain)]
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

struct AuditChain;

impl MigrationName for AuditChain {
    fn name(&self) -> &str {
        "m0004_audit_chain"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for AuditChain {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run_sql(manager, include_str!("m0004_audit_chain.sql")).await
    }
}
