use std::sync::Arc;
use std::time::Duration;

use service_runtime::bus::BusError;
use service_runtime::shutdown::Shutdown;

use super::Live;
use super::tail::{self, Tail};
use crate::seldom::Seldom;

const PAUSE: Duration = Duration::from_millis(200);

/// Starts the shared reader.
pub(crate) fn follow_stream(live: Arc<Live>, shutdown: &Shutdown) {
    shutdown.spawn(async move {
        let (shutdown, complaints) = (live.shutdown.clone(), Seldom::default());
        while let Some(Err(error)) = shutdown.or(read(&live)).await {
            if let Some(held_back) = complaints.pass() {
                tracing::warn!(%error, held_back, "the events are read on from the last one");
            }
            if !shutdown.sleep(PAUSE).await {
                return;
            }
        }
    });
}

/// Hands out everything behind the position, until something may have been lost.
async fn read(live: &Live) -> Result<(), BusError> {
    let extent = tail::extent(&live.bus).await?;
    live.hub.resume(extent.first, extent.last);
    let position = live.hub.position().unwrap_or(extent.last);
    let mut events = Tail::open(&live.bus, position + 1, Vec::new()).await?;
    loop {
        live.hub.publish(&events.next().await?);
    }
}
