//! A request that first opens a connection leaves later than it was granted, by a DNS lookup and handshakes.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tower_layer::Layer;
use tower_service::Service;

use crate::budget::Grant;

tokio::task_local! {
    static GRANT: Arc<Grant>;
}

/// Runs a call under its grant: the connections that it opens count the grant later.
pub(crate) async fn granted<F: Future>(grant: &Arc<Grant>, call: F) -> F::Output {
    GRANT.scope(Arc::clone(grant), call).await
}

/// Around the opening of each connection of the HTTP client.
#[derive(Debug, Clone)]
pub(crate) struct CountFromOpening;

impl<S> Layer<S> for CountFromOpening {
    type Service = Opening<S>;

    fn layer(&self, connector: S) -> Opening<S> {
        Opening(connector)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Opening<S>(S);

impl<S, R> Service<R> for Opening<S>
where
    S: Service<R, Future: Send + 'static>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        of_grant(Grant::opens_connection);
        let opening = self.0.call(request);
        Box::pin(async move {
            let connection = opening.await?;
            // Not there when another connection came free first: then the opening goes on in a task of its own.
            of_grant(Grant::connection_is_open);
            Ok(connection)
        })
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

    use super::*;
    use crate::budget::{Budget, LimitSpec};
    use crate::config::ClientConfig;
    use crate::http;
    use crate::lane::Lane;
    use crate::metrics::ClientMetrics;

    /// Connections take so long.
    #[derive(Debug, Clone)]
    struct Slowly(Duration);

    impl<S> Layer<S> for Slowly {
        type Service = SlowConnector<S>;

        fn layer(&self, connector: S) -> SlowConnector<S> {
            SlowConnector(connector, self.0)
        }
    }

    #[derive(Debug, Clone)]
    struct SlowConnector<S>(S, Duration);

    impl<S, R> Service<R> for SlowConnector<S>
    where
        S: Service<R, Future: Send + 'static>,
    {
        type Response = S::Response;
        type Error = S::Error;
        type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

        fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
            self.0.poll_ready(context)
        }

        fn call(&mut self, request: R) -> Self::Future {
            let (opening, time) = (self.0.call(request), self.1);
            Box::pin(async move {
                tokio::time::sleep(time).await;
                opening.await
            })
        }
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
        let mut config = ClientConfig::new(
            domain::AccountSlug::parse("main").unwrap(),
            &url,
            "id",
            "secret".into(),
        );
        let opening = Duration::from_millis(200);
        let slowly = reqwest::Client::builder().connector_layer(Slowly(opening));
        let client = http::build_over(slowly, &config).unwrap();
        config.sims_per_second = 1;
        config.lane_max_wait = [None; Lane::COUNT];
        let mut spec = LimitSpec::sims(&config);
        spec.cold_wait = Duration::ZERO;
        let metrics = ClientMetrics::new(Arc::new(metrics::NoopRecorder), "test");
        let budget = Budget::new(spec, None, &config, metrics);

        let grant = budget.acquire(Lane::Interactive).await.unwrap();
        let granted_at = Instant::now();
        granted(&grant, http::send(client.get(&url), 1_000))
            .await
            .unwrap();
        let answered_at = Instant::now();

        let window = Duration::from_secs(1) + config.budget_guard;
        assert!(budget.holds_back(Lane::Interactive, granted_at + opening / 2 + window));
        assert!(!budget.holds_back(Lane::Interactive, answered_at + window));
    }
}
