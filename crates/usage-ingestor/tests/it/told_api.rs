use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A 1NCE that knows every SIM and tells of usage what a test says.
pub struct ToldApi {
    pub base_url: String,
    told: Arc<Mutex<Told>>,
}

/// Bodies of usage; `None` is a path that does not exist.
#[derive(Default, Clone)]
struct Told {
    v1: Option<String>,
    v2: Option<String>,
}

impl ToldApi {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}/management-api", listener.local_addr().unwrap());
        let told = Arc::new(Mutex::new(Told::default()));
        let answers = Arc::clone(&told);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&answers)));
            }
        });
        Self { base_url, told }
    }

    pub fn tell(&self, v1: &str, v2: Option<&str>) {
        *self.told.lock().unwrap() = Told {
            v1: Some(v1.to_owned()),
            v2: v2.map(str::to_owned),
        };
    }
}

async fn answer(mut stream: TcpStream, told: Arc<Mutex<Told>>) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    let whole = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
        let (head, body) = text.split_once("\r\n\r\n")?;
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.and_then(|length| length.parse().ok()).unwrap_or(0);
        (body.len() >= length).then(|| head.lines().next().unwrap_or_default().to_owned())
    };
    let line = loop {
        if let Some(line) = whole(&bytes) {
            break line;
        }
        let mut part = [0; 4096];
        match stream.read(&mut part).await? {
            0 => return Ok(()),
            read => bytes.extend_from_slice(&part[..read]),
        }
    };
    let path = line.split(' ').nth(1).unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default();
    let path = path.trim_start_matches("/management-api");
    let told = told.lock().unwrap().clone();
    let body = match path.split('/').collect::<Vec<_>>()[..] {
        ["", "oauth", "token"] => {
            Some(r#"{"access_token":"t","token_type":"bearer","expires_in":3600}"#.to_owned())
        }
        ["", "v1" | "v2", "sims"] => Some("[]".to_owned()),
        ["", "v1" | "v2", "sims", iccid] => Some(format!(r#"{{"iccid":"{iccid}","status":"Enabled"}}"#)),
        ["", "v1", "sims", _, "usage"] => told.v1,
        ["", "v2", "sims", _, "usage"] => told.v2,
        _ => None,
    };
    let (status, body) = match body {
        Some(body) => ("200 OK", body),
        None => ("404 Not Found", r#"{"message":"Not Found"}"#.to_owned()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}
