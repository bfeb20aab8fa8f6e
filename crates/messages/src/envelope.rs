use chrono::{DateTime, SecondsFormat, Utc};
use domain::{Iccid, OrganizationId};
use uuid::Uuid;

use crate::events::EventType;

/// Header names of events: CloudEvents in binary mode.
pub mod header {
    /// Always `1.0`.
    pub const SPEC_VERSION: &str = "ce-specversion";
    /// The event's unique id.
    pub const ID: &str = "ce-id";
    /// The event type, such as `sim.discovered`.
    pub const TYPE: &str = "ce-type";
    /// The service that saw it happen.
    pub const SOURCE: &str = "ce-source";
    /// When it happened, RFC 3339 UTC.
    pub const TIME: &str = "ce-time";
    /// The ICCID, if the event is about one SIM.
    pub const SUBJECT: &str = "ce-subject";
    /// The tenant.
    pub const ORGANIZATION: &str = "ce-organizationid";
    /// Always `application/protobuf`.
    pub const CONTENT_TYPE: &str = "content-type";
}

/// What is said about an event beside its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventEnvelope {
    /// Unique; also the JetStream message id.
    pub id: Uuid,
    /// What happened.
    pub event: EventType,
    /// The service that saw it happen.
    pub source: &'static str,
    /// When it happened.
    pub time: DateTime<Utc>,
    /// The SIM it is about.
    pub iccid: Option<Iccid>,
    /// The tenant it belongs to.
    pub organization: Option<OrganizationId>,
}

impl EventEnvelope {
    /// The headers to publish with.
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            (header::SPEC_VERSION, "1.0".to_owned()),
            (header::ID, self.id.to_string()),
            (header::TYPE, self.event.word().to_owned()),
            (header::SOURCE, self.source.to_owned()),
            (
                header::TIME,
                self.time.to_rfc3339_opts(SecondsFormat::Micros, true),
            ),
            (header::CONTENT_TYPE, "application/protobuf".to_owned()),
        ];
        if let Some(iccid) = self.iccid {
            headers.push((header::SUBJECT, iccid.to_string()));
        }
        if let Some(organization) = self.organization {
            headers.push((header::ORGANIZATION, organization.to_string()));
        }
        headers
    }
}
