use std::time::Duration;

use async_nats::HeaderMap;
use bytes::Bytes;
use futures_util::future::try_join_all;

use super::connection::within;
use super::{Bus, BusError};
use crate::telemetry::current_traceparent;

/// A message for a stream.
#[derive(Debug, Clone)]
pub struct Publication {
    /// Where it goes, with the prefix.
    pub subject: String,
    /// JetStream keeps one message of an id within its window.
    pub id: String,
    /// Beside the id.
    pub headers: Vec<(&'static str, String)>,
    /// The content.
    pub payload: Bytes,
}

impl Bus {
    /// Publishes messages at once and waits until JetStream has stored every one, at most 10 seconds.
    ///
    /// # Errors
    /// When the connection is lost, or one was not stored; others may be.
    pub async fn store_all(
        &self,
        what: &'static str,
        publications: Vec<Publication>,
    ) -> Result<(), BusError> {
        self.connected(Duration::ZERO).await?;
        let trace = current_traceparent();
        let stored = async {
            let mut acks = Vec::with_capacity(publications.len());
            for publication in publications {
                let mut headers = HeaderMap::new();
                headers.insert(async_nats::header::NATS_MESSAGE_ID, publication.id.as_str());
                if let Some(trace) = &trace {
                    headers.insert("traceparent", trace.as_str());
                }
                for (name, value) in publication.headers {
                    headers.insert(name, value.as_str());
                }
                let sent =
                    self.jetstream()
                        .publish_with_headers(publication.subject, headers, publication.payload);
                acks.push(sent.await?);
            }
            try_join_all(acks.into_iter().map(IntoFuture::into_future)).await
        };
        within(what, stored)
            .await?
            .map(|_| ())
            .map_err(|error| BusError::jetstream(what, error))
    }
}
