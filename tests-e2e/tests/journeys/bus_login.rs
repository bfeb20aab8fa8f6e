use std::time::Duration;

use async_nats::jetstream;
use futures_util::{FutureExt, StreamExt};
use test_support::Stack;

async fn connect(url: &str) -> async_nats::Client {
    let server: async_nats::ServerAddr = url.parse().unwrap();
    let (user, password) = (
        server.username().unwrap().to_owned(),
        server.password().unwrap().to_owned(),
    );
    async_nats::ConnectOptions::with_user_and_password(user, password)
        .connect(server)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_downstream_login_reads_events_and_can_neither_write_nor_listen_elsewhere() {
    let stack = Stack::up();
    let owner = connect(&stack.env("NATS_URL")).await;
    let js = jetstream::new(owner.clone());
    for (name, subjects) in [("EVENTS", "evt.v1.>"), ("JOBS", "job.v1.>")] {
        let config = jetstream::stream::Config {
            name: name.into(),
            subjects: vec![subjects.into()],
            ..Default::default()
        };
        js.create_stream(config).await.unwrap();
    }
    js.publish("evt.v1.sim.missing.1", "one".into())
        .await
        .unwrap()
        .await
        .unwrap();
    let consumer = connect(&stack.env("NATS_CONSUMER_URL")).await;
    let js = jetstream::new(consumer.clone());

    let stream = js.get_stream("EVENTS").await.unwrap();
    assert_eq!(stream.get_raw_message(1).await.unwrap().payload, "one");

    // What is refused has no answer.
    let mut js = jetstream::new(consumer.clone());
    js.set_timeout(Duration::from_secs(1));
    let stream = js.get_stream_no_info("EVENTS").await.unwrap();
    assert!(js.get_stream("JOBS").await.is_err(), "another stream");
    assert!(js.delete_stream("EVENTS").await.is_err(), "deleting the stream");
    assert!(stream.purge().await.is_err(), "emptying the stream");
    let written = async { js.publish("evt.v1.sim.missing.2", "two".into()).await?.await };
    assert!(written.await.is_err(), "writing an event");
    let mut overheard = consumer.subscribe("rpc.>").await.unwrap();
    let mut allowed = consumer.subscribe("evt.v1.>").await.unwrap();
    // An answer on the same connection tells that the server has seen the subscriptions.
    jetstream::new(consumer.clone())
        .get_stream("EVENTS")
        .await
        .unwrap();
    owner.publish("rpc.v1.sim.get", "secret".into()).await.unwrap();
    owner
        .publish("evt.v1.sim.missing.3", "three".into())
        .await
        .unwrap();
    // The server sends in the order of publishing: whoever has heard the second would have heard the first.
    let heard = tokio::time::timeout(Duration::from_secs(30), allowed.next()).await;
    assert_eq!(heard.unwrap().unwrap().payload, "three");
    assert!(
        overheard.next().now_or_never().flatten().is_none(),
        "a request was overheard"
    );
}
