use gateway::Permission;
use test_support::{Scope, Stack, eventually};

use crate::harness::{ICCID, World};
use crate::live_client::{Client, labelled, publish, ready, try_publish, with_streams};

#[tokio::test(flavor = "multi_thread")]
async fn a_nats_that_dies_costs_no_open_stream_an_event() {
    let stack = Stack::up();
    let world = with_streams(World::of(Scope::on_stack(&stack).await).await).await;
    let gateway = world.start(world.gateway_config()).await;
    let key = world.key_for(&[Permission::ReadSims], None).await;
    ready(&gateway, &key).await;
    let mut client = Client::connect(&gateway, &key, "").await;
    publish(&world.bus, vec![labelled(ICCID, "before")]).await;
    assert_eq!(client.take(1).await[0].data["data"]["label"], "before");

    stack.kill("nats").await;
    stack.start("nats").await;
    for number in 0..50 {
        let label = number.to_string();
        eventually("it is stored", || async {
            Ok(try_publish(&world.bus, vec![labelled(ICCID, &label)]).await?)
        })
        .await;
    }

    let mut seen: Vec<u64> = Vec::new();
    for message in client.take(50).await {
        let label = message.data["data"]["label"].as_str().unwrap();
        assert_eq!(label, seen.len().to_string());
        seen.push(message.id.unwrap());
    }
    assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "{seen:?}");
    let mut resumed = Client::connect(&gateway, &key, &format!("last_event_id={}", seen[9])).await;
    let again: Vec<_> = resumed
        .take(40)
        .await
        .iter()
        .filter_map(|message| message.id)
        .collect();
    assert_eq!(again, seen[10..]);
}
