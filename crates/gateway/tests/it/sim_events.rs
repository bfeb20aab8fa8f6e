use gateway::Permission;
use serde_json::json;

use crate::harness::{App, ICCID};

#[tokio::test(flavor = "multi_thread")]
async fn events_of_a_sim_show_their_details() {
    let app = App::start().await;
    let key = app.world.key_for(&[Permission::ReadUsage], None).await;

    let path = format!("/api/v1/sims/{ICCID}/events?type=quota&start_date=2026-06-01&page_size=10");
    let answer = app.gateway.get(&path, &key).await.expect(200).body;

    assert_eq!(answer["data"][0]["event_data"], json!({"quota": {"id": 9}}));
    assert_eq!(answer["pagination"]["has_next"], false);
    let asked = app.world.usage.state().events.remove(0);
    assert_eq!(
        (asked.event_type.as_str(), asked.page_size, asked.iccid.as_str()),
        ("quota", 10, ICCID)
    );
}
