//! The loader: keep-alive connections that ask again as soon as they are answered, on one thread of its own.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// When the loader stops; whatever comes first.
#[derive(Clone, Copy)]
pub struct Limit {
    pub time: Duration,
    pub requests: usize,
}

impl Limit {
    /// For a time.
    pub fn time(time: Duration) -> Self {
        Self {
            time,
            requests: usize::MAX,
        }
    }
}

/// What was measured.
pub struct Load {
    /// Answers per second.
    pub per_second: f64,
    /// Of each request, sorted.
    times: Vec<Duration>,
}

impl Load {
    /// From the times of the requests and how long they took together.
    pub fn new(mut times: Vec<Duration>, elapsed: Duration) -> Self {
        assert!(!times.is_empty(), "nothing was measured");
        times.sort_unstable();
        Self {
            per_second: times.len() as f64 / elapsed.as_secs_f64(),
            times,
        }
    }

    /// The time that `percent` of the requests did not exceed.
    pub fn percentile(&self, percent: usize) -> Duration {
        let last = self.times.len() - 1;
        self.times[(self.times.len() * percent / 100).min(last)]
    }

    /// The slowest.
    pub fn max(&self) -> Duration {
        self.times[self.times.len() - 1]
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.times.len()
    }
}

/// Sends what `request` writes for the numbers 0, 1, 2, … over so many connections.
///
/// # Panics
/// When an answer is not a 200.
pub fn run(
    addr: SocketAddr,
    connections: usize,
    limit: Limit,
    request: impl Fn(usize, &mut Vec<u8>) + Sync,
) -> Load {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let next = AtomicUsize::new(0);
            let began = Instant::now();
            let clients = (0..connections).map(|_| client(addr, limit, &next, &request));
            let times = runtime.expect("a runtime").block_on(join_all(clients));
            Load::new(times.concat(), began.elapsed())
        });
        thread.join().expect("the loader")
    })
}

async fn client(
    addr: SocketAddr,
    limit: Limit,
    next: &AtomicUsize,
    request: &(impl Fn(usize, &mut Vec<u8>) + Sync),
) -> Vec<Duration> {
    let mut connection = Connection::open(addr).await;
    let (mut times, mut text) = (Vec::new(), Vec::new());
    let end = Instant::now() + limit.time;
    while Instant::now() < end {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= limit.requests {
            break;
        }
        text.clear();
        request(number, &mut text);
        let began = Instant::now();
        connection.exchange(&text).await;
        times.push(began.elapsed());
    }
    times
}

/// Writes a GET.
pub fn write_get(text: &mut Vec<u8>, path: &str, key: &str) {
    for part in [
        "GET ",
        path,
        " HTTP/1.1\r\nHost: bench\r\nX-API-Key: ",
        key,
        "\r\n\r\n",
    ] {
        text.extend_from_slice(part.as_bytes());
    }
}

/// Writes a POST of JSON with a Basic login.
pub fn write_post(text: &mut Vec<u8>, path: &str, (user, password): (&str, &str), body: &[u8]) {
    let login = BASE64_STANDARD.encode(format!("{user}:{password}"));
    let length = body.len().to_string();
    for part in [
        "POST ",
        path,
        " HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nAuthorization: Basic ",
        &login,
        "\r\nContent-Length: ",
        &length,
        "\r\n\r\n",
    ] {
        text.extend_from_slice(part.as_bytes());
    }
    text.extend_from_slice(body);
}

/// One HTTP/1.1 connection that waits for each answer.
pub struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
    head: usize,
    length: usize,
}

impl Connection {
    pub async fn open(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).await.expect("a connection");
        stream.set_nodelay(true).expect("no delay");
        Self {
            stream,
            answer: vec![0; 256 * 1024],
            head: 0,
            length: 0,
        }
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Panics
    /// When it is not a 200.
    pub async fn exchange(&mut self, request: &[u8]) {
        self.exchange_any(request).await;
        assert!(
            self.answer.starts_with(b"HTTP/1.1 200"),
            "{}{}",
            String::from_utf8_lossy(&request[..request.len().min(4096)]),
            String::from_utf8_lossy(&self.answer[..self.length])
        );
    }

    /// The same with any answer, whose length its head names.
    ///
    /// # Panics
    /// When the connection ends before.
    pub async fn exchange_any(&mut self, request: &[u8]) {
        self.stream.write_all(request).await.expect("written");
        (self.head, self.length) = (0, usize::MAX);
        let mut filled = 0;
        while filled < self.length {
            let read = self
                .stream
                .read(&mut self.answer[filled..])
                .await
                .expect("an answer");
            assert!(read > 0, "the connection was closed");
            filled += read;
            if self.head == 0
                && let Some(end) = self.answer[..filled]
                    .windows(4)
                    .position(|four| four == b"\r\n\r\n")
            {
                self.head = end + 4;
                self.length = self.head + content_length(&self.answer[..end]);
                assert!(self.length <= self.answer.len(), "a long answer");
            }
        }
    }

    /// The lines of the last answer's head, the status line first.
    pub fn head(&self) -> String {
        String::from_utf8_lossy(&self.answer[..self.head]).into_owned()
    }

    /// The last answer's body.
    pub fn body(&self) -> &[u8] {
        &self.answer[self.head..self.length]
    }
}

fn content_length(head: &[u8]) -> usize {
    const NAME: &[u8] = b"content-length: ";
    let mut lines = head.split(|byte| *byte == b'\n');
    let line = lines.find(|line| line.len() > NAME.len() && line[..NAME.len()].eq_ignore_ascii_case(NAME));
    let digits = line.expect("a length")[NAME.len()..].iter();
    digits
        .take_while(|byte| byte.is_ascii_digit())
        .fold(0, |length, digit| length * 10 + usize::from(digit - b'0'))
}
