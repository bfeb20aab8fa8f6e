use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use messages::{Retention, STREAMS, StreamSpec};

use super::{Bus, BusError};

impl Bus {
    /// Makes every stream, or brings an existing one to its declared limits. Safe to repeat and to run twice at once.
    ///
    /// # Errors
    /// When JetStream refuses one.
    pub async fn declare_streams(&self) -> Result<(), BusError> {
        for spec in STREAMS {
            self.declare(spec).await?;
        }
        Ok(())
    }

    async fn declare(&self, spec: StreamSpec) -> Result<(), BusError> {
        let name = self.subjects().stream(spec.name);
        let config = Config {
            name: name.clone(),
            subjects: vec![self.subjects().prefixed(spec.subjects)],
            retention: match spec.retention {
                Retention::Limits => RetentionPolicy::Limits,
                Retention::WorkQueue => RetentionPolicy::WorkQueue,
            },
            discard: match spec.retention {
                Retention::Limits => DiscardPolicy::Old,
                Retention::WorkQueue => DiscardPolicy::New,
            },
            storage: StorageType::File,
            max_age: spec.max_age,
            max_bytes: spec.max_bytes.min(self.max_stream_bytes()),
            duplicate_window: spec.duplicate_window,
            num_replicas: self.stream_replicas(),
            ..Config::default()
        };
        self.jetstream()
            .create_or_update_stream(config)
            .await
            .map(|_| ())
            .map_err(|error| BusError::jetstream(format!("stream {name}"), error))
    }
}
