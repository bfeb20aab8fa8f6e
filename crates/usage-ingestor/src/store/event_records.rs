//! Events and SMS events: each is stored once.

use messages::pb::usage::{EventKind, EventRecord};
use sqlx::PgConnection;

use super::copy::millis_to_time;

/// Stores events; answers how many were new.
///
/// # Errors
/// The database's.
pub async fn insert(transaction: &mut PgConnection, events: &[EventRecord]) -> Result<u64, sqlx::Error> {
    if events.is_empty() {
        return Ok(0);
    }
    let text = |field: fn(&EventRecord) -> &String| -> Vec<&str> {
        events.iter().map(|event| field(event).as_str()).collect()
    };
    let kind = |event: &EventRecord| match event.kind() {
        EventKind::Unspecified | EventKind::Network => 1i16,
        EventKind::SmsMo => 2,
        EventKind::SmsReport => 3,
    };
    sqlx::query(
        "INSERT INTO sim_events (iccid, occurred_at, kind, event_id, type_id, type_text, severity, source, alert,
                                 description, triggered_by, imsi, detail)
         SELECT iccid, occurred_at, kind, event_id, type_id, type_text, severity, source, alert, description,
                nullif(triggered_by, ''), nullif(imsi, 0), nullif(detail, '')
         FROM unnest($1::bigint[], $2::timestamptz[], $3::smallint[], $4::bigint[], $5::integer[], $6::text[], $7::text[],
                     $8::text[], $9::boolean[], $10::text[], $11::text[], $12::bigint[], $13::text[])
              AS event (iccid, occurred_at, kind, event_id, type_id, type_text, severity, source, alert, description,
                        triggered_by, imsi, detail)
         ORDER BY iccid, occurred_at, kind, event_id
         ON CONFLICT DO NOTHING",
    )
    .bind(events.iter().map(|event| event.iccid.cast_signed()).collect::<Vec<_>>())
    .bind(events.iter().map(|event| millis_to_time(event.occurred_at_ms)).collect::<Vec<_>>())
    .bind(events.iter().map(kind).collect::<Vec<_>>())
    .bind(events.iter().map(|event| event.event_id).collect::<Vec<_>>())
    .bind(events.iter().map(|event| event.type_id).collect::<Vec<_>>())
    .bind(text(|event| &event.type_text))
    .bind(text(|event| &event.severity))
    .bind(text(|event| &event.source))
    .bind(events.iter().map(|event| event.alert).collect::<Vec<_>>())
    .bind(text(|event| &event.description))
    .bind(text(|event| &event.user))
    .bind(events.iter().map(|event| event.imsi.cast_signed()).collect::<Vec<_>>())
    .bind(text(|event| &event.detail_json))
    .execute(transaction)
    .await
    .map(|done| done.rows_affected())
}
