//! A receiver of streams that answers as a test says and keeps everything.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io::Read;
use std::net::TcpListener;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use actix_web::dev::ServerHandle;
use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use once_emulator::UsageTruth;
use serde_json::Value;

/// A request as it came.
#[derive(Clone)]
pub struct Request {
    pub body: Bytes,
    pub headers: HashMap<String, String>,
    pub answer: u16,
}

impl Request {
    /// The elements of the body, as they were written.
    pub fn raw(&self) -> Vec<Box<serde_json::value::RawValue>> {
        let mut text = String::new();
        if self.headers.get("content-encoding").map(String::as_str) == Some("gzip") {
            flate2::read::GzDecoder::new(&self.body[..])
                .read_to_string(&mut text)
                .unwrap();
        } else {
            text = String::from_utf8(self.body.to_vec()).unwrap();
        }
        serde_json::from_str(&text).unwrap()
    }

    pub fn elements(&self) -> Vec<Value> {
        let raw = self.raw().into_iter();
        raw.map(|raw| serde_json::from_str(raw.get()).unwrap()).collect()
    }
}

#[derive(Default)]
struct State {
    answers: VecDeque<u16>,
    otherwise: u16,
    requests: Vec<Request>,
}

pub struct Receiver {
    pub url: String,
    state: Data<Mutex<State>>,
    handle: ServerHandle,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

/// Keeps the body as it came, not decoded.
async fn take(state: Data<Mutex<State>>, request: HttpRequest, mut payload: web::Payload) -> HttpResponse {
    let mut body = web::BytesMut::new();
    while let Some(part) = futures_util::StreamExt::next(&mut payload).await {
        body.extend_from_slice(&part.unwrap());
    }
    let mut state = state.lock().unwrap();
    let answer = state.answers.pop_front().unwrap_or(state.otherwise);
    let headers = request.headers().iter();
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    state.requests.push(Request {
        body: body.freeze(),
        headers: headers.collect(),
        answer,
    });
    let mut response = HttpResponse::build(answer.try_into().unwrap());
    if answer == 307 {
        response.insert_header(("location", request.uri().to_string()));
    }
    response.finish()
}

impl Receiver {
    /// Listens; answers everything with 200.
    pub async fn start() -> Self {
        let state = Data::new(Mutex::new(State {
            otherwise: 200,
            ..State::default()
        }));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/stream", listener.local_addr().unwrap());
        let shared = state.clone();
        let server =
            HttpServer::new(move || App::new().app_data(shared.clone()).default_service(web::to(take)))
                .workers(1)
                .disable_signals()
                .listen(listener)
                .unwrap()
                .run();
        let handle = server.handle();
        tokio::spawn(server);
        Self { url, state, handle }
    }

    /// The next requests get these answers.
    pub fn answer(&self, statuses: &[u16]) {
        self.state.lock().unwrap().answers.extend(statuses);
    }

    /// Requests without an own answer get this one.
    pub fn otherwise(&self, status: u16) {
        self.state.lock().unwrap().otherwise = status;
    }

    pub fn requests(&self) -> Vec<Request> {
        self.state.lock().unwrap().requests.clone()
    }

    /// Everything acknowledged, in the order it came.
    pub fn elements(&self) -> Vec<Value> {
        let requests = self.requests();
        let accepted = requests.iter().filter(|request| request.answer == 200);
        accepted.flat_map(Request::elements).collect()
    }

    /// The records acknowledged, each id once.
    pub fn books(&self) -> BTreeMap<i64, Value> {
        let records = self
            .elements()
            .into_iter()
            .filter_map(|item| Some((item["id"].as_i64()?, item)));
        records
            .filter(|(id, _)| *id < 9_000_000_000_000_000_000)
            .collect()
    }
}

/// Waits until the answer is there; fails after a while.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, ask: impl Fn() -> F) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = ask().await {
            return found;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Reads RFC 3339 as milliseconds.
pub fn millis(text: &str) -> i64 {
    chrono::DateTime::parse_from_rfc3339(text)
        .unwrap()
        .timestamp_millis()
}

fn micro(number: &Value) -> i64 {
    (number.as_f64().unwrap() * 1e6).round() as i64
}

/// Adds up usage records that ended after `from` and at or before `to`, by the rules of the truth.
pub fn sums<'a>(records: impl Iterator<Item = &'a Value>, from: &str, to: &str) -> Vec<UsageTruth> {
    let bytes = |number: &Value| (number.as_f64().unwrap() * 1_048_576.0).round() as i64;
    let mut sums: BTreeMap<(String, String), UsageTruth> = BTreeMap::new();
    for record in records {
        let end = record["end_timestamp"].as_str().unwrap();
        if millis(end) <= millis(from) || millis(end) > millis(to) {
            continue;
        }
        let iccid = record["sim"]["iccid"].as_str().unwrap().to_owned();
        let day = end[..10].to_owned();
        let sum = sums.entry((iccid.clone(), day.clone())).or_default();
        (sum.iccid, sum.day) = (iccid, day);
        sum.records += 1;
        let volume = &record["volume"];
        if record["traffic_type"]["id"] == 5 {
            sum.data_micro += micro(&volume["total"]);
            sum.tx_bytes += bytes(&volume["tx"]);
            sum.rx_bytes += bytes(&volume["rx"]);
            sum.total_bytes += bytes(&volume["total"]);
        } else {
            sum.sms_mo += volume["tx"].as_i64().unwrap();
            sum.sms_mt += volume["rx"].as_i64().unwrap();
        }
    }
    sums.into_values().collect()
}
