use std::time::Duration;

use anyhow::{Context, ensure};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

/// Somebody who asks one process, with whatever opens the door.
#[derive(Clone)]
pub struct Caller {
    url: String,
    credentials: Vec<(&'static str, String)>,
    http: reqwest::Client,
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// The body as text.
    pub text: String,
    /// The body as JSON; null when it is none.
    pub body: Value,
}

impl Reply {
    /// The reply when it has this status.
    ///
    /// # Errors
    /// When it has another.
    pub fn expect(self, status: u16) -> anyhow::Result<Self> {
        ensure!(
            self.status == status,
            "{} instead of {status}: {}",
            self.status,
            self.text
        );
        Ok(self)
    }

    /// `data` of the envelope.
    pub fn data(&self) -> &Value {
        &self.body["data"]
    }

    /// A header as a number.
    ///
    /// # Errors
    /// When it is absent or none.
    pub fn number(&self, header: &str) -> anyhow::Result<u64> {
        let value = self.headers.get(header).with_context(|| format!("no {header}"))?;
        Ok(value.to_str()?.parse()?)
    }
}

impl Caller {
    /// Without credentials.
    ///
    /// # Panics
    /// When no client can be made.
    pub fn nobody(url: &str) -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(60))
            .build()
            .expect("a client");
        Self {
            url: url.to_owned(),
            credentials: Vec::new(),
            http,
        }
    }

    /// With an API key.
    pub fn with_key(url: &str, key: &str) -> Self {
        let mut caller = Self::nobody(url);
        caller.credentials.push(("X-API-Key", key.to_owned()));
        caller
    }

    /// With an access token.
    pub fn with_token(url: &str, token: &str) -> Self {
        let mut caller = Self::nobody(url);
        caller
            .credentials
            .push(("Authorization", format!("Bearer {token}")));
        caller
    }

    /// The same somebody at another process.
    pub fn at(&self, url: &str) -> Self {
        Self {
            url: url.to_owned(),
            ..self.clone()
        }
    }

    /// A request that can still be shaped.
    ///
    /// # Panics
    /// When the method is none.
    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = method.parse().expect("a method");
        let request = self.http.request(method, format!("{}{path}", self.url));
        let credentials = self.credentials.iter();
        credentials.fold(request, |request, (name, value)| request.header(*name, value))
    }

    /// Sends it.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> anyhow::Result<Reply> {
        let answer = request.send().await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Reply {
            status,
            headers,
            text,
            body,
        })
    }

    /// A GET.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn get(&self, path: &str) -> anyhow::Result<Reply> {
        self.send(self.request("GET", path)).await
    }

    /// A request with a JSON body.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn ask(&self, method: &str, path: &str, body: Value) -> anyhow::Result<Reply> {
        self.send(self.request(method, path).json(&body)).await
    }

    /// A new organization, and an administrator's key of it.
    ///
    /// # Errors
    /// When this caller may not make them.
    pub async fn tenant(&self, name: &str) -> anyhow::Result<(String, Self)> {
        let made = self
            .ask(
                "POST",
                "/api/v1/organizations",
                json!({ "name": name, "slug": name }),
            )
            .await?
            .expect(201)?;
        let organization = made.data()["id"].as_str().context("an id")?.to_owned();
        let wanted = json!({
            "name": name, "scopes": ["admin"], "organization_id": organization,
            "rate_limit_per_minute": 100_000, "rate_limit_per_hour": 1_000_000,
        });
        let made = self.ask("POST", "/api/v1/api-keys", wanted).await?.expect(201)?;
        let key = made.data()["key"].as_str().context("a key")?;
        Ok((organization, Self::with_key(&self.url, key)))
    }
}
