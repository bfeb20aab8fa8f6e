use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use anyhow::{Context, ensure};
use once_emulator::EmulatorConfig;
use prost::Message;
use serde_json::json;
use test_support::eventually;
use tests_e2e::Sandbox;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// The part of OTLP that names spans and their traces.
#[derive(Clone, PartialEq, Message)]
struct Export {
    #[prost(message, repeated, tag = "1")]
    resources: Vec<Resource>,
}

#[derive(Clone, PartialEq, Message)]
struct Resource {
    #[prost(message, repeated, tag = "2")]
    scopes: Vec<InstrumentationScope>,
}

#[derive(Clone, PartialEq, Message)]
struct InstrumentationScope {
    #[prost(message, repeated, tag = "2")]
    spans: Vec<Span>,
}

#[derive(Clone, PartialEq, Message)]
struct Span {
    #[prost(bytes = "vec", tag = "1")]
    trace_id: Vec<u8>,
    #[prost(string, tag = "5")]
    name: String,
}

type Spans = Arc<Mutex<Vec<Span>>>;

/// A collector that keeps every span that it is sent.
async fn collector() -> (String, Spans) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let spans = Spans::default();
    let kept = Arc::clone(&spans);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(receive(stream, Arc::clone(&kept)));
        }
    });
    (url, spans)
}

/// Answers each request on one connection with an empty 200.
async fn receive(stream: TcpStream, spans: Spans) -> anyhow::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            ensure!(stream.read_line(&mut line).await? > 0, "the end");
            let line = line.trim().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().context("content-length")?;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        let export = Export::decode(body.as_slice())?;
        let scopes = export.resources.into_iter().flat_map(|resource| resource.scopes);
        spans.lock().unwrap().extend(scopes.flat_map(|scope| scope.spans));
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            .await?;
    }
}

#[tokio::test]
async fn one_trace_goes_from_the_caller_through_nats_and_the_database_to_1nce() {
    let (url, spans) = collector().await;
    let emulator = EmulatorConfig::default().with_fleet(3).without_limits();
    let sandbox = Sandbox::start(emulator, &[("OTEL_EXPORTER_OTLP_ENDPOINT", &url)]).await;
    sandbox.sync().await;
    let iccid = sandbox.all_sims().await.unwrap()[0]["iccid"]
        .as_str()
        .unwrap()
        .to_owned();

    let answer = reqwest::Client::new()
        .put(format!("{}/api/v1/sims/{iccid}", sandbox.simward().url))
        .header("X-API-Key", &sandbox.simward().key)
        .header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01"))
        .json(&json!({ "label": "traced" }))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status().as_u16(), 200);

    eventually("every part of the way is in the trace", || async {
        let spans = spans.lock().unwrap();
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let traced = spans.iter().filter(|span| hex(&span.trace_id) == TRACE);
        let names: BTreeSet<&str> = traced.map(|span| span.name.as_str()).collect();
        ensure!(
            ["rpc.call", "rpc.serve", "db.query", "once.call"]
                .iter()
                .all(|name| names.contains(name)),
            "{names:?}"
        );
        Ok(())
    })
    .await;
}
