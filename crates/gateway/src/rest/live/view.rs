use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::openapi::schema::{AnyOfBuilder, Object, ObjectBuilder, Schema, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use crate::live::{End, EventView};
use crate::rest::frame::Example;

/// Events that are kept no more.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EventStreamGap)]
pub struct Gap {
    /// The first missing id.
    pub from: u64,
    /// The last one.
    pub to: u64,
}

/// The client read too slowly; it may connect again.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EventStreamDropped)]
pub struct Dropped {
    /// Begin behind this event.
    pub last_event_id: u64,
    #[schema(schema_with = dropped_reason)]
    pub reason: &'static str,
}

/// The stream was ended here.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EventStreamClosed)]
pub struct Closed {
    #[schema(schema_with = closed_reason)]
    pub reason: &'static str,
}

fn dropped_reason() -> Object {
    reasons(&[End::TooSlow])
}

fn closed_reason() -> Object {
    reasons(&[End::Credentials, End::Shutdown, End::Restarted])
}

fn reasons(ends: &[End]) -> Object {
    let text = ObjectBuilder::new().schema_type(Type::String);
    text.enum_values(Some(ends.iter().map(|end| end.word()))).build()
}

/// One message of the stream, as a reader of Server-Sent Events hands it on.
pub struct EventStreamMessage;

impl PartialSchema for EventStreamMessage {
    fn schema() -> RefOr<Schema> {
        let text = |description: &str| {
            ObjectBuilder::new()
                .schema_type(Type::String)
                .description(Some(description))
        };
        let data = [EventView::name(), Gap::name(), Dropped::name(), Closed::name()];
        let data = data.into_iter().fold(AnyOfBuilder::new(), |data, name| {
            data.item(Ref::from_schema_name(name))
        });
        let message = ObjectBuilder::new()
            .description(Some("One message of the stream; `data` is JSON on one line"))
            .property(
                "id",
                text("Its place in the stream: a number for `Last-Event-ID`; absent from `dropped` and `closed`"),
            )
            .property("event", text("The event's type, or `gap`, `dropped` or `closed`"))
            .required("event")
            .property("data", data)
            .required("data");
        Schema::from(message).into()
    }
}

impl ToSchema for EventStreamMessage {
    fn name() -> Cow<'static, str> {
        "EventStreamMessage".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        add::<EventView>(schemas);
        add::<Gap>(schemas);
        add::<Dropped>(schemas);
        add::<Closed>(schemas);
    }
}

fn add<T: ToSchema>(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    schemas.push((T::name().into_owned(), T::schema()));
    T::schemas(schemas);
}

impl Example for EventStreamMessage {
    fn example() -> Value {
        let organization = "00000000-0000-0000-0000-000000000001";
        json!({
            "id": "4711", "event": "sim.status_changed",
            "data": {
                "id": "019cf7a0-0000-7000-8000-000000000003", "type": "sim.status_changed", "source": "sim-service",
                "time": "2026-07-01T12:00:00.000000Z", "iccid": "8988999000000000017", "organization_id": organization,
                "data": {
                    "iccid": "8988999000000000017", "account": "main", "organization_id": organization, "revision": 7,
                    "old_status": "Enabled", "new_status": "Disabled",
                },
            },
        })
    }
}
