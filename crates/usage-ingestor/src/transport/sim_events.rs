//! Events of one SIM.

use messages::pb::usage as pb;
use service_runtime::bus::RpcError;
use service_runtime::wire::{iccid, scope};

use crate::app::sim_events::EventsQuery;
use crate::app::{App, event_types};

pub async fn list(app: App, request: pb::SimEventsRequest) -> Result<pb::SimEventsResponse, RpcError> {
    let query = EventsQuery::new(scope(request.scope.clone())?, iccid(&request.iccid)?, &request)?;
    let (events, next_cursor) = app.sim_events(&query).await?;
    let events = events.into_iter().map(|event| {
        let (word, category) = event_types::named(event.kind, event.type_id);
        pb::SimEvent {
            id: event.event_id.to_string(),
            event_type: word,
            event_category: category.word().to_owned(),
            severity: event.severity,
            description: event.description,
            event_data_json: event.detail.unwrap_or_default(),
            triggered_by: event.triggered_by.unwrap_or_default(),
            timestamp: Some(event.occurred_at.into()),
            type_id: event.type_id,
            alert: event.alert,
        }
    });
    Ok(pb::SimEventsResponse {
        events: events.collect(),
        next_cursor,
    })
}
