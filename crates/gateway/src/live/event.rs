use std::sync::OnceLock;

use async_nats::jetstream::Message;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use domain::{Iccid, OrganizationId};
use messages::{DecodedEvent, EventType, decode_event, header};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// One event of the stream. What a client is sent of it is made once, by the first who needs it.
pub struct LiveEvent {
    /// Its place in the stream, and the SSE id.
    pub sequence: u64,
    /// The `ce-type`, also of a newer version.
    pub kind: String,
    pub iccid: Option<Iccid>,
    /// `None`: the whole platform's.
    pub organization: Option<OrganizationId>,
    message: Message,
    frame: OnceLock<Bytes>,
}

/// One event, as the JSON in `data:`.
#[derive(Serialize, ToSchema)]
#[schema(as = LiveEvent)]
pub struct EventView<'a> {
    id: &'a str,
    /// Such as `sim.status_changed`; newer versions may have more.
    r#type: &'a str,
    source: &'a str,
    #[schema(format = DateTime)]
    time: &'a str,
    /// Null when it is about no SIM or about many.
    #[schema(value_type = Option<String>, required)]
    iccid: Option<Iccid>,
    /// Null when it is the whole platform's.
    #[schema(value_type = Option<String>, format = Uuid, required)]
    organization_id: Option<OrganizationId>,
    /// As `/asyncapi.json` describes it for this type; null when this version does not know the type.
    #[schema(value_type = Option<Object>, required)]
    data: Option<DecodedEvent>,
    /// The payload of a type that this version does not know.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    data_base64: Option<String>,
}

impl LiveEvent {
    /// Reads the headers only.
    pub fn new(sequence: u64, message: Message) -> Self {
        let head = |name| head(&message, name);
        Self {
            sequence,
            kind: one_line(head(header::TYPE)),
            iccid: Iccid::parse(head(header::SUBJECT)).ok(),
            organization: Uuid::parse_str(head(header::ORGANIZATION))
                .ok()
                .map(OrganizationId),
            frame: OnceLock::new(),
            message,
        }
    }

    /// The event as a client is sent it.
    pub fn frame(&self) -> Bytes {
        self.frame.get_or_init(|| self.render()).clone()
    }

    fn render(&self) -> Bytes {
        let decoded = EventType::from_word(&self.kind)
            .and_then(|event| decode_event(event, &self.message.payload).ok());
        let raw = decoded
            .is_none()
            .then(|| BASE64_STANDARD.encode(&self.message.payload));
        let view = EventView {
            id: head(&self.message, header::ID),
            r#type: &self.kind,
            source: head(&self.message, header::SOURCE),
            time: head(&self.message, header::TIME),
            iccid: self.iccid,
            organization_id: self.organization,
            data: decoded,
            data_base64: raw,
        };
        named(Some(self.sequence), &self.kind, &view)
    }
}

/// A message of the protocol with a name and JSON data on one line.
pub fn named(id: Option<u64>, name: &str, data: &impl Serialize) -> Bytes {
    // Serializing plain structs to memory cannot fail; `{}` is what a reader would get.
    let data = serde_json::to_string(data).unwrap_or_else(|_| "{}".to_owned());
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    format!("{id}event: {name}\ndata: {data}\n\n").into()
}

fn head<'a>(message: &'a Message, name: &str) -> &'a str {
    let headers = message.headers.as_ref();
    headers
        .and_then(|headers| headers.get(name))
        .map_or("", |value| value.as_str())
}

/// A name cannot end the line it stands on.
fn one_line(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).collect()
}
