//! A client of the stream of events, and what publishes them.

use std::time::Duration;

use chrono::Utc;
use domain::OrganizationId;
use gateway::{GatewayConfig, Permission};
use messages::pb::sim::{SimConfigUpdated, SimMissing};
use messages::{EventEnvelope, EventType};
use prost::Message;
use serde_json::Value;
use service_runtime::bus::{Bus, BusError, Publication};
use uuid::Uuid;

use crate::harness::{App, Gateway, World};

pub const PATH: &str = "/api/v1/events/stream";
const PATIENCE: Duration = Duration::from_secs(30);

/// One message of the protocol.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sse {
    pub id: Option<u64>,
    pub event: String,
    pub data: Value,
}

/// An open stream.
#[derive(Debug)]
pub struct Client {
    response: reqwest::Response,
    buffer: String,
    /// What the server wants remembered.
    pub last_id: u64,
}

impl Client {
    /// Connects and reads the head; events that are published from now on arrive.
    pub async fn connect(gateway: &Gateway, key: &str, query: &str) -> Self {
        let path = format!("/api/v1/events/stream?{query}");
        let request = gateway.request("GET", &path).header("X-API-Key", key);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200, "{query}");
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        let mut client = Self {
            response,
            buffer: String::new(),
            last_id: 0,
        };
        let head = client.block().await.unwrap();
        assert!(head.starts_with("retry: 3000\nid: "), "{head}");
        client
    }

    /// The next message that has a name; `None` when the stream has ended.
    pub async fn next(&mut self) -> Option<Sse> {
        loop {
            let block = self.block().await?;
            let message = parse(&block);
            if !message.event.is_empty() {
                return Some(message);
            }
        }
    }

    /// The next `count` messages.
    pub async fn take(&mut self, count: usize) -> Vec<Sse> {
        let mut messages = Vec::new();
        while messages.len() < count {
            match self.next().await {
                Some(message) => messages.push(message),
                None => panic!("the stream ended after {messages:?}"),
            }
        }
        messages
    }

    /// The next lines up to an empty one; `None` when the stream has ended.
    pub async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.buffer.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.buffer = rest;
                self.last_id = parse(&block).id.unwrap_or(self.last_id);
                return Some(block);
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await;
            let chunk = chunk.expect("the stream is silent").unwrap()?;
            self.buffer.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}

fn parse(block: &str) -> Sse {
    let mut message = Sse::default();
    for line in block.lines() {
        match line.split_once(": ") {
            Some(("id", id)) => message.id = Some(id.parse().unwrap()),
            Some(("event", name)) => name.clone_into(&mut message.event),
            Some(("data", data)) => message.data = serde_json::from_str(data).unwrap(),
            _ => {}
        }
    }
    message
}

/// A world whose streams are there.
pub async fn with_streams(world: World) -> World {
    world.bus.declare_streams().await.unwrap();
    world
}

/// A gateway whose reader has found the stream.
pub async fn ready(gateway: &Gateway, key: &str) {
    crate::harness::until("the stream is found", async || {
        let path = "/api/v1/events/stream?last_event_id=0";
        let request = gateway.request("GET", path).header("X-API-Key", key);
        match request.send().await.unwrap().status().as_u16() {
            200 => Ok(()),
            status => Err(status),
        }
    })
    .await;
}

/// An event to publish.
pub fn event(
    kind: EventType,
    iccid: &str,
    organization: Option<OrganizationId>,
    payload: &[u8],
) -> Announcement {
    let envelope = EventEnvelope {
        id: Uuid::now_v7(),
        event: kind,
        source: "test",
        time: Utc::now(),
        iccid: iccid.parse().ok(),
        organization,
    };
    Announcement {
        envelope,
        payload: payload.to_vec(),
    }
}

pub struct Announcement {
    pub envelope: EventEnvelope,
    pub payload: Vec<u8>,
}

/// A change of a SIM's label.
pub fn labelled(iccid: &str, label: &str) -> Announcement {
    let change = SimConfigUpdated {
        iccid: iccid.into(),
        label: Some(label.into()),
        ..SimConfigUpdated::default()
    };
    event(EventType::SimConfigUpdated, iccid, None, &change.encode_to_vec())
}

/// Stores the events in the stream, in order.
pub async fn publish(bus: &Bus, events: Vec<Announcement>) {
    try_publish(bus, events).await.unwrap();
}

pub async fn try_publish(bus: &Bus, events: Vec<Announcement>) -> Result<(), BusError> {
    let publications = events.into_iter().map(|event| Publication {
        subject: bus.subjects().event(event.envelope.event, event.envelope.iccid),
        id: event.envelope.id.to_string(),
        headers: event.envelope.headers(),
        payload: event.payload.into(),
    });
    bus.store_all("test", publications.collect()).await
}

/// An event of a type that this version does not know.
pub async fn publish_unknown(bus: &Bus, word: &'static str, payload: &'static [u8]) {
    let publication = Publication {
        subject: bus.subjects().prefixed(&format!("evt.v1.{word}.-")),
        id: Uuid::now_v7().to_string(),
        headers: vec![("ce-type", word.to_owned()), ("ce-id", "new".to_owned())],
        payload: payload.into(),
    };
    bus.store_all("test", vec![publication]).await.unwrap();
}

/// A gateway that follows the stream, and a key of the whole platform.
pub async fn start(change: impl FnOnce(&mut GatewayConfig)) -> (App, String) {
    let world = with_streams(World::new().await).await;
    let mut config = world.gateway_config();
    change(&mut config);
    let gateway = world.start(config).await;
    let key = world
        .key_for(&[Permission::ReadSims, Permission::ReadUsage], None)
        .await;
    ready(&gateway, &key).await;
    (App { world, gateway }, key)
}

pub fn labels(messages: &[Sse]) -> Vec<&str> {
    messages
        .iter()
        .map(|message| message.data["data"]["label"].as_str().unwrap_or_default())
        .collect()
}

pub fn missing(iccid: &str, organization: Option<OrganizationId>) -> Announcement {
    let payload = SimMissing {
        iccid: iccid.into(),
        ..SimMissing::default()
    };
    event(
        EventType::SimMissing,
        iccid,
        organization,
        &payload.encode_to_vec(),
    )
}

pub fn kinds(messages: &[Sse]) -> Vec<&str> {
    messages.iter().map(|message| message.event.as_str()).collect()
}
