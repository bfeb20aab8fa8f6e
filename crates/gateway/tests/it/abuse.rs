//! Clients that hold a connection without getting on.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::harness::App;

const GET: &str = "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n";
/// Much longer than any limit of these tests.
const LONG: Duration = Duration::from_secs(30);

/// Sends a request and reads its answer.
async fn first_request(addr: SocketAddr, more: &str) -> TcpStream {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(format!("{GET}{more}").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"}") {
        assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0);
    }
    assert!(answer.starts_with(b"HTTP/1.1 200"));
    stream
}

/// Sends a byte again and again until the connection is cut.
async fn dribble(stream: &mut TcpStream) {
    let mut answer = [0; 1024];
    let cut = async {
        loop {
            if stream.write_all(b"x").await.is_err() {
                return;
            }
            if let Ok(Ok(0) | Err(_)) = timeout(Duration::from_millis(50), stream.read(&mut answer)).await {
                return;
            }
        }
    };
    timeout(LONG, cut).await.expect("the connection was not cut");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_head_of_a_later_request_has_a_time_too() {
    let app = App::start_with(|config| config.listen.head_timeout_ms = 400).await;
    let mut stream = first_request(app.gateway.addr, "").await;
    stream
        .write_all(b"GET /health/live HTTP/1.1\r\nX-Slow: ")
        .await
        .unwrap();
    dribble(&mut stream).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_began_before_the_last_answer_has_a_time_too() {
    let app = App::start_with(|config| {
        config.listen.head_timeout_ms = 300;
        config.listen.keep_alive_ms = 600;
    })
    .await;
    let begun = "GET /health/live HTTP/1.1\r\nX-Slow: ";
    dribble(&mut first_request(app.gateway.addr, begun).await).await;
    let mut silent = first_request(app.gateway.addr, begun).await;
    let mut rest = Vec::new();
    let end = timeout(LONG, silent.read_to_end(&mut rest)).await;
    assert!(end.is_ok(), "the connection was not cut");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_between_two_requests_is_no_slow_head() {
    let app = App::start_with(|config| config.listen.head_timeout_ms = 100).await;
    let mut stream = first_request(app.gateway.addr, "").await;
    let mut answer = Vec::new();
    let silence = timeout(Duration::from_millis(500), stream.read_buf(&mut answer)).await;
    assert!(silence.is_err(), "it was cut, or more was answered");
    stream.write_all(GET.as_bytes()).await.unwrap();
    timeout(LONG, stream.read_buf(&mut answer))
        .await
        .unwrap()
        .unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_takes_nothing_of_its_answer_is_cut() {
    let app = App::start_with(|config| config.listen.write_timeout_ms = 400).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(app.gateway.addr).await.unwrap();
    let request = "GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n";
    stream.write_all(request.repeat(200).as_bytes()).await.unwrap();
    let cut = async {
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(LONG, cut).await.expect("the connection was not cut");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_has_a_size_and_a_number_of_headers() {
    let app = App::start().await;
    let large = format!("X-Large: {}\r\n", "x".repeat(200_000));
    let many: String = (0..97).map(|n| format!("X-{n}: 1\r\n")).collect();
    for headers in [large, many] {
        let mut stream = TcpStream::connect(app.gateway.addr).await.unwrap();
        let head = format!("GET /health/live HTTP/1.1\r\n{headers}\r\n");
        let (mut answers, mut asks) = stream.split();
        let mut answer = Vec::new();
        let (_, read) = tokio::join!(asks.write_all(head.as_bytes()), answers.read_to_end(&mut answer));
        let text = String::from_utf8_lossy(&answer);
        assert!(
            text.starts_with("HTTP/1.1 431") || (answer.is_empty() && read.is_err()),
            "{text}"
        );
    }
}
