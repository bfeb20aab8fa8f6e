//! A server that answers what a test wrote down, for answers that the emulator would never give.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Answers every request with what `answer` returns for its request line; logins are answered by itself.
pub struct Canned {
    pub base_url: String,
    pub requests: Arc<Mutex<Vec<String>>>,
    /// The same with headers and body.
    pub whole: Arc<Mutex<Vec<String>>>,
}

pub fn json(status: u16, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
}

async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| {
                    let (name, value) = line.split_once(':')?;
                    name.eq_ignore_ascii_case("content-length")
                        .then(|| value.trim().parse::<usize>().ok())?
                })
                .unwrap_or(0);
            if body.len() >= length {
                return Some(text);
            }
        }
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
        }
    }
}

impl Canned {
    pub async fn start<A: Into<Vec<u8>> + Send>(answer: impl Fn(&str) -> A + Send + Sync + 'static) -> Self {
        Self::start_with_logins(answer, |_| {}).await
    }

    /// The same; every login brings another token, and its number is told.
    pub async fn start_with_logins<A: Into<Vec<u8>> + Send>(
        answer: impl Fn(&str) -> A + Send + Sync + 'static,
        login: impl Fn(usize) + Send + Sync + 'static,
    ) -> Self {
        let logins = Arc::new((AtomicUsize::new(0), login));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}/management-api", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let whole = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = ((requests.clone(), whole.clone()), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (log, answer, logins) = (log.clone(), answer.clone(), logins.clone());
                tokio::spawn(async move {
                    while let Some(request) = read_request(&mut stream).await {
                        let line = request.lines().next().unwrap_or_default().to_owned();
                        log.0.lock().unwrap().push(line.clone());
                        log.1.lock().unwrap().push(request);
                        let reply = if line.contains("/oauth/token") {
                            let number = logins.0.fetch_add(1, Ordering::SeqCst) + 1;
                            (logins.1)(number);
                            let token = format!(r#"{{"access_token":"t0k3n-{number}","expires_in":3600}}"#);
                            json(200, "", &token).into_bytes()
                        } else {
                            answer(&line).into()
                        };
                        if stream.write_all(&reply).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self {
            base_url,
            requests,
            whole,
        }
    }
}
