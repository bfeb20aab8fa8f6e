//! A request that first opens a connection leaves later than it was granted, by a DNS lookup and handshakes.

use std::sync::Arc;

use crate::budget::Grant;

tokio::task_local! {
    static GRANT: Arc<Grant>;
}

/// Runs a call under its grant: the connections that it opens count the grant later.
pub(crate) async fn granted<F: Future>(grant: &Arc<Grant>, call: F) -> F::Output {
    GRANT.scope(Arc::clone(grant), call).await
}

/// Around the opening of each connection of the HTTP client, for a [`tower::util::MapFutureLayer`].
pub(crate) fn counted_from_opening<T, E>(
    opening: impl Future<Output = Result<T, E>> + Send,
) -> impl Future<Output = Result<T, E>> + Send {
    of_grant(Grant::opens_connection);
    async move {
        let connection = opening.await?;
        // Not there when another connection came free first: then the opening goes on in a task of its own.
        of_grant(Grant::connection_is_open);
        Ok(connection)
    }
}

fn of_grant(tell: fn(&Grant)) {
    let grant = GRANT.try_with(Arc::clone);
    if let Ok(grant) = grant {
        tell(&grant);
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tower::util::MapFutureLayer;

    use super::*;
    use crate::budget::{Budget, LimitSpec};
    use crate::config::ClientConfig;
    use crate::http;
    use crate::lane::Lane;
    use crate::metrics::ClientMetrics;

    /// How long a connection takes.
    const OPENING: Duration = Duration::from_millis(200);

    async fn slowly<F: Future>(opening: F) -> F::Output {
        tokio::time::sleep(OPENING).await;
        opening.await
    }

    /// Answers every request with an empty object.
    async fn server() -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _request = stream.read(&mut [0; 4096]).await;
                let _sent = stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
                    .await;
            }
        });
        url
    }

    #[tokio::test]
    async fn a_grant_counts_from_when_the_connection_of_its_request_is_open() {
        let url = server().await;
        let config = ClientConfig::new(
            domain::AccountSlug::parse("main").unwrap(),
            &url,
            "id",
            "secret".into(),
        );
        let slowly = reqwest::Client::builder().connector_layer(MapFutureLayer::new(slowly));
        let client = http::build_over(slowly, &config).unwrap();
        let mut spec = LimitSpec::sims(1, config.budget_guard, 1);
        spec.cold_wait = Duration::ZERO;
        let metrics = ClientMetrics::new(Arc::new(metrics::NoopRecorder), "test");
        let budget = Budget::new(spec, None, Duration::from_secs(1), [None; 3], metrics);

        let grant = budget.acquire(Lane::Interactive).await.unwrap();
        let granted_at = Instant::now();
        granted(&grant, http::send(client.get(&url), 1_000))
            .await
            .unwrap();
        let answered_at = Instant::now();

        let window = Duration::from_secs(1) + config.budget_guard;
        assert!(budget.holds_back(Lane::Interactive, granted_at + OPENING / 2 + window));
        assert!(!budget.holds_back(Lane::Interactive, answered_at + window));
    }
}
