//! `GET /api/v1/sims/{iccid}` from memory against a bare actix-web handler that answers the same bytes, in one run.
//!
//! Needs TEST_DATABASE_URL, TEST_NATS_URL and TEST_REDIS_URL; prints one line of JSON.
#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)]

#[path = "../tests/it/fake_fleet.rs"]
mod fake_fleet;
#[path = "../tests/it/fake_jobs.rs"]
mod fake_jobs;
#[path = "../tests/it/fake_sims.rs"]
mod fake_sims;
#[path = "../tests/it/fake_usage.rs"]
mod fake_usage;
#[path = "../tests/it/harness.rs"]
mod harness;
#[path = "../tests/it/promised.rs"]
mod promised;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use actix_web::{App as Actix, HttpResponse, HttpServer, web};
use gateway::Permission;
use harness::{App, ICCID, path, sim};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const CONNECTIONS: usize = 32;
const ROUND: Duration = Duration::from_secs(4);
const ROUNDS: usize = 3;

struct Round {
    per_second: f64,
    p99: Duration,
}

#[tokio::main]
async fn main() {
    let app = App::start_with(|config| config.listen.workers = 0).await;
    app.world.sims.put(sim(ICCID, 1, "pump-17"));
    let key = app.world.key_for(&[Permission::ReadSims], None).await;
    let answer = app.gateway.get(&path(ICCID), &key).await.expect(200);
    let bare = serve_bare(answer.text);
    let (mut best_bare, mut best_gateway, mut p99) = (0f64, 0f64, Duration::MAX);
    for _ in 0..ROUNDS {
        best_bare = best_bare.max(load(bare, &key).await.per_second);
        let round = load(app.gateway.addr, &key).await;
        best_gateway = best_gateway.max(round.per_second);
        p99 = p99.min(round.p99);
    }
    let report = serde_json::json!({
        "bench": "gateway_warm_get", "connections": CONNECTIONS, "bare_per_second": best_bare.round(),
        "gateway_per_second": best_gateway.round(), "ratio": best_gateway / best_bare,
        "gateway_p99_ms": p99.as_secs_f64() * 1000.0,
    });
    println!("{report}");
    assert!(
        best_gateway >= best_bare / 2.0,
        "less than half of a bare handler"
    );
}

fn serve_bare(body: String) -> SocketAddr {
    let body = bytes::Bytes::from(body);
    let server = HttpServer::new(move || {
        let body = body.clone();
        let answer = move || {
            let body = body.clone();
            async move { HttpResponse::Ok().content_type("application/json").body(body) }
        };
        Actix::new().route("/api/v1/sims/{iccid}", web::get().to(answer))
    })
    .disable_signals()
    .bind("127.0.0.1:0")
    .unwrap();
    let addr = server.addrs()[0];
    tokio::spawn(server.run());
    addr
}

async fn load(addr: SocketAddr, key: &str) -> Round {
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: bench\r\nX-API-Key: {key}\r\n\r\n",
        path(ICCID)
    );
    let end = Instant::now() + ROUND;
    let clients = (0..CONNECTIONS).map(|_| tokio::spawn(client(addr, request.clone(), end)));
    let mut times = Vec::new();
    for client in clients.collect::<Vec<_>>() {
        times.extend(client.await.unwrap());
    }
    times.sort_unstable();
    Round {
        per_second: times.len() as f64 / ROUND.as_secs_f64(),
        p99: times[times.len() * 99 / 100],
    }
}

/// One connection that asks again as soon as it is answered; every answer has the length of the first.
async fn client(addr: SocketAddr, request: String, end: Instant) -> Vec<Duration> {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = vec![0; 16 * 1024];
    let mut length = 0;
    while !complete(&answer[..length]) {
        length += stream.read(&mut answer[length..]).await.unwrap();
    }
    assert!(
        answer.starts_with(b"HTTP/1.1 200"),
        "{}",
        String::from_utf8_lossy(&answer[..length])
    );
    let mut times = Vec::new();
    while Instant::now() < end {
        let started = Instant::now();
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.read_exact(&mut answer[..length]).await.unwrap();
        times.push(started.elapsed());
    }
    times
}

fn complete(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .split("content-length: ")
        .nth(1)
        .and_then(|rest| rest.lines().next());
    length.is_some_and(|length| length.trim().parse() == Ok(body.len()))
}
