use std::future::Future;
use std::time::{Duration, Instant};

/// Asks again and again until the answer is `Ok`, for at most 30 seconds; then fails with the last reason.
///
/// # Panics
/// When the condition never came true.
pub async fn eventually<T, F, Fut>(what: &str, condition: F) -> T
where
    F: Fn() -> Fut,
    Fut: Future<Output = anyhow::Result<T>>,
{
    eventually_within(Duration::from_secs(30), what, condition).await
}

/// The same with another limit.
///
/// # Panics
/// When the condition never came true.
pub async fn eventually_within<T, F, Fut>(limit: Duration, what: &str, condition: F) -> T
where
    F: Fn() -> Fut,
    Fut: Future<Output = anyhow::Result<T>>,
{
    let began = Instant::now();
    loop {
        match condition().await {
            Ok(value) => return value,
            Err(reason) if began.elapsed() > limit => panic!("{what}: not within {limit:?}: {reason:#}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}
