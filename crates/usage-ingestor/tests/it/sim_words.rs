//! What sim-service tells, and the copy of it.

use chrono::Utc;
use domain::{Iccid, OrganizationId};
use messages::pb::sim::{Member, Sim, SimDiscovered};
use messages::{EventEnvelope, EventType};
use prost::Message;
use sqlx::Row;
use test_support::eventually;
use uuid::Uuid;

use crate::harness::TestApp;
use crate::records::iccid;

pub const ORGANIZATION: Uuid = Uuid::from_u128(0x11);
pub const OTHER: Uuid = Uuid::from_u128(0x22);

pub fn member(sim: u32, organization: Uuid, revision: i64, tags: &[&str]) -> Member {
    Member {
        iccid: iccid(sim),
        account: "main".to_owned(),
        organization_id: organization.to_string(),
        revision,
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        missing: false,
    }
}

pub fn discovered(member: Member) -> SimDiscovered {
    SimDiscovered {
        sim: Some(Sim {
            iccid: member.iccid,
            account: member.account,
            organization_id: member.organization_id,
            revision: member.revision,
            tags: member.tags,
            ..Sim::default()
        }),
        returned: false,
    }
}

/// Publishes an event about a SIM as sim-service does.
pub async fn announce(app: &TestApp, event: EventType, sim: u32, payload: &impl Message) {
    let iccid = Iccid::parse(&iccid(sim)).unwrap();
    let envelope = EventEnvelope {
        id: Uuid::now_v7(),
        event,
        source: "test",
        time: Utc::now(),
        iccid: Some(iccid),
        organization: Some(OrganizationId::DEFAULT),
    };
    let mut headers = async_nats::HeaderMap::new();
    for (name, value) in envelope.headers() {
        headers.insert(name, value.as_str());
    }
    let bus = &app.shared.bus;
    let subject = bus.subjects().event(event, Some(iccid));
    let stored = bus
        .jetstream()
        .publish_with_headers(subject, headers, payload.encode_to_vec().into())
        .await
        .unwrap();
    stored.await.unwrap();
}

#[derive(Debug, PartialEq)]
pub struct Copy {
    pub organization: Option<Uuid>,
    pub revision: i64,
    pub tags: Vec<String>,
    pub missing: bool,
}

/// The row of a member as it is told.
pub fn copy_of(member: &Member) -> Copy {
    Copy {
        organization: Some(member.organization_id.parse().unwrap()),
        revision: member.revision,
        tags: member.tags.clone(),
        missing: member.missing,
    }
}

/// Waits until the row of a SIM is as expected.
pub async fn copied(app: &TestApp, sim: u32, expected: &Copy) {
    eventually("the copy is as told", || async {
        let row = sqlx::query("SELECT * FROM sims WHERE iccid = $1")
            .bind(iccid(sim).parse::<i64>()?)
            .fetch_one(&mut app.connection().await)
            .await?;
        let copy = Copy {
            organization: row.get("organization_id"),
            revision: row.get("revision"),
            tags: row.get("tags"),
            missing: row.get("missing"),
        };
        anyhow::ensure!(copy == *expected, "{copy:?} is not {expected:?}");
        Ok(())
    })
    .await;
}
