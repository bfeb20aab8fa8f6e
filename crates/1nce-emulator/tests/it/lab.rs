//! An emulator, a plain HTTP client and a token.

use chrono::{DateTime, NaiveDate, Utc};
use once_emulator::{CallFilter, ControlClient, Emulator, EmulatorConfig, SimTruth};
use reqwest::Method;
use serde_json::{Value, json};

pub const ID: &str = "990001_simward";
pub const SECRET: &str = "emulator-secret";

/// When the world of a lab begins: a noon in the middle of a month, so no day and no month ends but by travel.
pub fn noon() -> DateTime<Utc> {
    "2026-07-15T12:00:00Z".parse().unwrap()
}

/// The day of [`noon`].
pub fn today() -> NaiveDate {
    noon().date_naive()
}

pub struct Lab {
    pub emulator: Emulator,
    pub control: ControlClient,
    pub http: reqwest::Client,
    pub token: String,
}

/// A complete answer.
pub struct Reply {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Reply {
    pub async fn read(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self {
            status,
            headers,
            text: response.text().await.unwrap(),
        }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {:?} ({})", self.text, self.status))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn number(&self, name: &str) -> u64 {
        self.header(name)
            .unwrap_or_else(|| panic!("no {name}"))
            .parse()
            .unwrap()
    }
}

/// The ICCID of the seeded SIM number `n` of the first customer.
pub fn iccid(n: u32) -> String {
    format!("8988280666{n:09}")
}

impl Lab {
    /// Without rate limits, with a token that survives time travel, and so slow that only travel makes things happen.
    pub async fn free(fleet: u32) -> Self {
        let config = EmulatorConfig::default().with_fleet(fleet).without_limits();
        let slow = config.with_settings(|s| {
            s.token_lifetime_seconds = 10 * 365 * 86_400;
            s.async_delay_seconds = 60;
            s.sms_delivery_seconds = 60;
            s.payment_delays.creditcard = 60;
            s.order_visible_delay_seconds = 0;
        });
        Self::start(slow).await
    }

    /// The world begins at [`noon`] unless the configuration says when.
    pub async fn start(mut config: EmulatorConfig) -> Self {
        config.start.get_or_insert_with(noon);
        let emulator = Emulator::start(config).await.unwrap();
        let control = emulator.control();
        // Bodies are shown as they are sent.
        let http = reqwest::Client::builder().no_gzip().build().expect("a client");
        let mut lab = Self {
            emulator,
            control,
            http,
            token: String::new(),
        };
        lab.token = lab.login(ID, SECRET).await;
        lab.control.reset_calls().await.unwrap();
        lab
    }

    pub async fn login(&self, id: &str, secret: &str) -> String {
        let reply = self.ask_token(id, secret).await;
        reply.json()["access_token"].as_str().unwrap().to_owned()
    }

    pub async fn ask_token(&self, id: &str, secret: &str) -> Reply {
        let request = self
            .http
            .post(self.url("/oauth/token"))
            .basic_auth(id, Some(secret));
        let request = request.json(&json!({"grant_type": "client_credentials"}));
        Reply::read(request.send().await.unwrap()).await
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.emulator.base_url())
    }

    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, self.url(path)).bearer_auth(&self.token)
    }

    pub async fn get(&self, path: &str) -> Reply {
        Reply::read(self.request(Method::GET, path).send().await.unwrap()).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        Reply::read(self.request(Method::POST, path).json(&body).send().await.unwrap()).await
    }

    pub async fn post_empty(&self, path: &str) -> Reply {
        Reply::read(self.request(Method::POST, path).send().await.unwrap()).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Reply {
        Reply::read(self.request(Method::PUT, path).json(&body).send().await.unwrap()).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        Reply::read(self.request(Method::DELETE, path).send().await.unwrap()).await
    }

    /// ICCIDs of one list page.
    pub async fn page(&self, page: usize, size: usize) -> Vec<String> {
        let reply = self.get(&format!("/v1/sims?page={page}&pageSize={size}")).await;
        iccids(&reply.json())
    }

    /// The first seeded SIM that fits, judged by what is true about it.
    pub async fn find(&self, fits: impl Fn(&SimTruth) -> bool) -> SimTruth {
        for n in 0..1000 {
            let sim = self.control.sim(&iccid(n)).await.unwrap();
            if fits(&sim) {
                return sim;
            }
        }
        panic!("no such SIM in the fleet");
    }

    pub async fn calls(&self, path: &str) -> usize {
        let filter = CallFilter {
            path: Some(path.to_owned()),
            ..CallFilter::default()
        };
        self.control.calls(&filter).await.unwrap().len()
    }
}

pub fn iccids(list: &Value) -> Vec<String> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|sim| sim["iccid"].as_str().unwrap().to_owned())
        .collect()
}
