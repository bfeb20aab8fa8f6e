//! Health: named checks of the things a service stands on, asked together and answered within a second.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use messages::pb::common::{HealthCheck, HealthResponse};

const LIMIT: Duration = Duration::from_secs(1);

type Check = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync>;

struct Named {
    name: &'static str,
    required: bool,
    check: Check,
}

/// The checks of one service.
#[derive(Clone)]
pub struct Health {
    service: &'static str,
    checks: Arc<RwLock<Vec<Named>>>,
}

impl Health {
    /// A service without checks is ready.
    pub fn new(service: &'static str) -> Self {
        Self {
            service,
            checks: Arc::default(),
        }
    }

    /// Adds a check. Without a required part the service is not ready; without another it works with limits.
    pub fn add<F, Fut>(&self, name: &'static str, required: bool, check: F)
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), String>> + Send + 'static,
    {
        let check: Check = Arc::new(move || Box::pin(check()));
        let mut checks = self
            .checks
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        checks.push(Named {
            name,
            required,
            check,
        });
    }

    /// Asks every check at the same time; one that takes over a second has failed.
    pub async fn report(&self) -> HealthResponse {
        let running: Vec<_> = {
            let checks = self
                .checks
                .read()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            checks
                .iter()
                .map(|named| (named.name, named.required, (named.check)()))
                .collect()
        };
        let checks =
            futures_util::future::join_all(running.into_iter().map(|(name, required, check)| async move {
                let outcome = tokio::time::timeout(LIMIT, check)
                    .await
                    .unwrap_or_else(|_| Err("no answer within a second".to_owned()));
                let detail = outcome.as_ref().err().cloned().unwrap_or_default();
                HealthCheck {
                    name: name.to_owned(),
                    ok: outcome.is_ok(),
                    required,
                    detail,
                }
            }))
            .await;
        let ready = checks.iter().all(|check| check.ok || !check.required);
        HealthResponse {
            service: self.service.to_owned(),
            ready,
            checks,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_a_required_part_makes_a_service_unready() {
        let health = Health::new("test");
        health.add("redis", false, || async { Err("gone".to_owned()) });
        assert!(health.report().await.ready);

        health.add("database", true, || async { Err("gone".to_owned()) });
        let report = health.report().await;
        assert!(!report.ready);
        assert_eq!(report.checks[1].detail, "gone");
    }
}
