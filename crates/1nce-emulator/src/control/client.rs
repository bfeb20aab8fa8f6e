//! A typed client of the control API, for tests in this process or another.

use reqwest::{Method, RequestBuilder, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::types::{
    AddSims, Added, Advance, Id, NewEvent, OrderPatch, OrderTruth, ReceiveSms, Refusal, SimPatch, SimTruth,
    Stats, Time,
};
use crate::config::{Ended, Settings};
use crate::error::ControlError;
use crate::faults::{Fault, StoredFault};
use crate::journal::{CallFilter, CallRecord};
use crate::streams::types::{StreamConfig, StreamTruth, UsageTruth};

type Result<T> = std::result::Result<T, ControlError>;

/// Steers a running emulator.
#[derive(Debug, Clone)]
pub struct ControlClient {
    http: reqwest::Client,
    url: String,
    customer: Option<String>,
}

impl ControlClient {
    /// `control_url` ends with `/_emulator`, as [`crate::Emulator::control_url`] gives it.
    pub fn new(control_url: impl Into<String>) -> Self {
        let url = control_url.into().trim_end_matches('/').to_owned();
        Self {
            http: reqwest::Client::new(),
            url,
            customer: None,
        }
    }

    /// The same client, meaning another customer where it matters (adding SIMs, orders).
    #[must_use]
    pub fn for_customer(&self, client_id: &str) -> Self {
        Self {
            customer: Some(client_id.to_owned()),
            ..self.clone()
        }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}/{path}", self.url));
        match &self.customer {
            Some(customer) => request.query(&[("customer", customer)]),
            None => request,
        }
    }

    async fn send(request: RequestBuilder) -> Result<Response> {
        let response = request.send().await?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let text = response.text().await?;
        let message = serde_json::from_str::<Refusal>(&text).map_or(text, |refusal| refusal.error);
        Err(ControlError::Refused {
            status: status.as_u16(),
            message,
        })
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        Ok(Self::send(self.request(Method::GET, path)).await?.json().await?)
    }

    async fn with<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T> {
        Ok(Self::send(self.request(method, path).json(body))
            .await?
            .json()
            .await?)
    }

    async fn delete(&self, path: &str) -> Result<()> {
        Self::send(self.request(Method::DELETE, path)).await.map(drop)
    }

    /// Fails until the emulator is ready.
    pub async fn health(&self) -> Result<()> {
        self.get::<Value>("health").await.map(drop)
    }

    /// What is true about a SIM.
    pub async fn sim(&self, iccid: &str) -> Result<SimTruth> {
        self.get(&format!("sims/{iccid}")).await
    }

    /// What is true about every SIM, in list order.
    pub async fn sims(&self) -> Result<Vec<SimTruth>> {
        self.get("sims").await
    }

    /// Changes a SIM as the portal or the network would.
    pub async fn patch_sim(&self, iccid: &str, patch: &SimPatch) -> Result<SimTruth> {
        self.with(Method::PATCH, &format!("sims/{iccid}"), patch).await
    }

    /// Adds SIMs at a place of the list (none = the end) and returns their ICCIDs.
    pub async fn add_sims(&self, count: u32, position: Option<usize>) -> Result<Vec<String>> {
        let added: Added = self
            .with(Method::POST, "sims", &AddSims { count, position })
            .await?;
        Ok(added.iccids)
    }

    /// Takes a SIM out of its fleet.
    pub async fn remove_sim(&self, iccid: &str) -> Result<()> {
        self.delete(&format!("sims/{iccid}")).await
    }

    /// The device sends a message; returns its id.
    pub async fn receive_sms(&self, iccid: &str, payload: &str) -> Result<i64> {
        let sms = ReceiveSms {
            payload: payload.to_owned(),
            source_address: None,
        };
        let made: Id = self
            .with(Method::POST, &format!("sims/{iccid}/sms"), &sms)
            .await?;
        Ok(made.id)
    }

    /// Something happens to the SIM, its user or its organisation; returns the event's id.
    pub async fn add_event(&self, iccid: &str, event_type: u32, description: Option<&str>) -> Result<i64> {
        let event = NewEvent {
            event_type,
            description: description.map(str::to_owned),
        };
        let path = format!("sims/{iccid}/events");
        let made: Id = self.with(Method::POST, &path, &event).await?;
        Ok(made.id)
    }

    /// All orders.
    pub async fn orders(&self) -> Result<Vec<OrderTruth>> {
        self.get("orders").await
    }

    /// `COMPLETED` pays an order now; any other word stops it.
    pub async fn patch_order(&self, number: u64, status: &str) -> Result<()> {
        let patch = OrderPatch {
            status: status.to_owned(),
        };
        Self::send(
            self.request(Method::PATCH, &format!("orders/{number}"))
                .json(&patch),
        )
        .await
        .map(drop)
    }

    /// Adds a fault and returns its number.
    pub async fn faults_add(&self, fault: &Fault) -> Result<u64> {
        let made: Id = self.with(Method::POST, "faults", fault).await?;
        Ok(made.id.unsigned_abs())
    }

    /// The faults and how often they hit.
    pub async fn faults(&self) -> Result<Vec<StoredFault>> {
        self.get("faults").await
    }

    /// Removes one fault.
    pub async fn faults_remove(&self, id: u64) -> Result<()> {
        self.delete(&format!("faults/{id}")).await
    }

    /// Removes all faults.
    pub async fn faults_clear(&self) -> Result<()> {
        self.delete("faults").await
    }

    /// Received calls that pass the filter, oldest first.
    pub async fn calls(&self, filter: &CallFilter) -> Result<Vec<CallRecord>> {
        Ok(Self::send(self.request(Method::GET, "calls").query(filter))
            .await?
            .json()
            .await?)
    }

    /// Forgets calls and counters.
    pub async fn reset_calls(&self) -> Result<()> {
        self.delete("calls").await
    }

    /// Counters since the last reset.
    pub async fn stats(&self) -> Result<Stats> {
        self.get("stats").await
    }

    /// The settings now.
    pub async fn settings(&self) -> Result<Settings> {
        self.get("config").await
    }

    /// Changes the settings named in `partial`, e.g. `json!({"v1": "retired"})`.
    pub async fn config(&self, partial: &Value) -> Result<Settings> {
        self.with(Method::POST, "config", partial).await
    }

    /// Lets these paths be gone, each in its manner; an empty list brings all back.
    pub async fn end(&self, paths: &[Ended]) -> Result<Settings> {
        self.config(&json!({ "ended": paths })).await
    }

    /// The emulated moment.
    pub async fn time(&self) -> Result<Time> {
        self.get("time").await
    }

    /// Moves the domain clock and lets everything due happen.
    pub async fn advance_time(&self, seconds: i64) -> Result<Time> {
        self.with(
            Method::POST,
            "time",
            &Advance {
                advance_seconds: seconds,
            },
        )
        .await
    }

    /// Makes all tokens worthless.
    pub async fn revoke_tokens(&self) -> Result<()> {
        self.delete("tokens").await
    }

    /// Starts a stream and returns its number.
    pub async fn create_stream(&self, config: &StreamConfig) -> Result<u64> {
        let made: Id = self.with(Method::POST, "streams", config).await?;
        Ok(made.id.unsigned_abs())
    }

    /// Every stream, oldest first.
    pub async fn streams(&self) -> Result<Vec<StreamTruth>> {
        self.get("streams").await
    }

    /// How far a stream is.
    pub async fn stream(&self, id: u64) -> Result<StreamTruth> {
        self.get(&format!("streams/{id}")).await
    }

    async fn steer_stream(&self, id: u64, how: &str) -> Result<StreamTruth> {
        let request = self.request(Method::POST, &format!("streams/{id}/{how}"));
        Ok(Self::send(request).await?.json().await?)
    }

    /// Lets a failed stream run again: where it failed, or from now on if it keeps no backlog.
    pub async fn restart_stream(&self, id: u64) -> Result<StreamTruth> {
        self.steer_stream(id, "restart").await
    }

    /// Stops a stream after its current attempt.
    pub async fn pause_stream(&self, id: u64) -> Result<StreamTruth> {
        self.steer_stream(id, "pause").await
    }

    /// Lets a paused stream go on.
    pub async fn resume_stream(&self, id: u64) -> Result<StreamTruth> {
        self.steer_stream(id, "resume").await
    }

    /// Ends a stream.
    pub async fn delete_stream(&self, id: u64) -> Result<()> {
        self.delete(&format!("streams/{id}")).await
    }

    /// Sums of the usage records that ended after `from` and at or before `to` (RFC 3339), per SIM and day.
    pub async fn usage_truth(&self, from: &str, to: &str) -> Result<Vec<UsageTruth>> {
        let request = self.request(Method::GET, "usage-truth");
        let request = request.query(&[("from", from), ("to", to)]);
        Ok(Self::send(request).await?.json().await?)
    }
}
