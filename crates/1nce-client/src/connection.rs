//! A request that first opens a connection leaves later than it was granted, by a DNS lookup and handshakes.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use tower_layer::Layer;
use tower_service::Service;

use crate::budget::Grant;

tokio::task_local! {
    static GRANT: Weak<Grant>;
}

/// Runs a call under its grant: the connections that it opens count the grant later.
pub(crate) async fn granted<F: Future>(grant: &Arc<Grant>, call: F) -> F::Output {
    GRANT.scope(Arc::downgrade(grant), call).await
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
    S::Response: Send,
    S::Error: Send,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        // The client calls this in the task of the request; opening may go on in another.
        let grant = GRANT.try_with(Weak::clone).ok();
        let opening = self.0.call(request);
        Box::pin(async move {
            let connection = opening.await?;
            if let Some(grant) = grant.and_then(|grant| grant.upgrade()) {
                grant.leaves_now().await;
            }
            Ok(connection)
        })
    }
}
