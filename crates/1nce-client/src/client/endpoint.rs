//! What can be called: an endpoint of the OpenAPI files, and one call of it.

use std::time::Duration;

use domain::Iccid;
use reqwest::Method;
use serde_json::Value;

use crate::lane::Lane;
use crate::retry::RetryClass;
use crate::wire::{Unreadable, empty_or_json};

/// Endpoints that share a limit (FACTS §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    Sims,
    Orders,
    Products,
    Support,
}

impl Group {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Sims => "sims",
            Self::Orders => "orders",
            Self::Products => "products",
            Self::Support => "support",
        }
    }
}

/// An endpoint as the OpenAPI files name it; `name` is the label in metrics and errors.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub name: &'static str,
    pub method: Method,
    pub group: Group,
    pub class: RetryClass,
    /// The statuses that mean success; another 2xx is none.
    pub accepts: &'static [u16],
    /// Whether the body of a success is one: a page of a proxy is not, whatever its status.
    pub reads: fn(&[u8]) -> Result<(), Unreadable>,
}

impl Endpoint {
    /// A read that answers 200, or an action that answers 201.
    pub(super) const fn new(name: &'static str, method: Method, group: Group, class: RetryClass) -> Self {
        let accepts: &[u16] = match method {
            Method::POST => &[201],
            Method::PUT | Method::DELETE => &[200, 204],
            _ => &[200],
        };
        Self {
            name,
            method,
            group,
            class,
            accepts,
            reads: empty_or_json,
        }
    }

    /// A read of `/sims*`.
    pub(super) const fn sims_get(name: &'static str) -> Self {
        Self::new(name, Method::GET, Group::Sims, RetryClass::Repeatable)
    }

    /// An action on `/sims*` that is never blindly repeated.
    pub(super) const fn sims_action(name: &'static str) -> Self {
        Self::new(name, Method::POST, Group::Sims, RetryClass::Never)
    }

    /// A `POST` to `/sims*` of absolute values: as safe to repeat as a `PUT`, and what v2 answers to it is unconfirmed.
    pub(super) const fn sims_set(name: &'static str) -> Self {
        let mut endpoint = Self::new(name, Method::POST, Group::Sims, RetryClass::Repeatable);
        endpoint.accepts = &[200, 201, 204];
        endpoint
    }

    /// A `POST` beside `/sims*`; 1NCE documents 200 and 201 for it (FACTS §13).
    pub(super) const fn shop_action(name: &'static str, group: Group) -> Self {
        let mut endpoint = Self::new(name, Method::POST, group, RetryClass::Never);
        endpoint.accepts = &[200, 201];
        endpoint
    }

    /// The same with a closer look at the body of a success.
    pub(super) const fn reading(mut self, reads: fn(&[u8]) -> Result<(), Unreadable>) -> Self {
        self.reads = reads;
        self
    }

    /// Whether it asks for something.
    pub(super) fn is_read(&self) -> bool {
        self.method == Method::GET
    }
}

/// One call. `path` begins after the version segment.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub endpoint: &'static Endpoint,
    pub lane: Lane,
    pub path: String,
    pub query: Vec<(&'static str, String)>,
    pub body: Option<Value>,
    pub timeout: Option<Duration>,
    /// The SIMs that it names.
    pub iccids: Vec<Iccid>,
    /// Names something smaller than a SIM, or an order: the list of such, whose answer proves that the path is there.
    pub list: Option<Box<Call>>,
    /// A 401 is told and the token left alone.
    pub keeps_token: bool,
}

impl Call {
    pub(super) fn new(endpoint: &'static Endpoint, lane: Lane, path: impl Into<String>) -> Self {
        Self {
            endpoint,
            lane,
            path: path.into(),
            query: Vec::new(),
            body: None,
            timeout: None,
            iccids: Vec::new(),
            list: None,
            keeps_token: false,
        }
    }

    /// A call below `/sims/{iccid}`; `rest` begins with a slash or is empty.
    pub(super) fn of_sim(endpoint: &'static Endpoint, lane: Lane, iccid: Iccid, rest: &str) -> Self {
        Self::new(endpoint, lane, format!("/sims/{iccid}{rest}")).about(&[iccid])
    }

    pub(super) fn query(mut self, name: &'static str, value: impl ToString) -> Self {
        self.query.push((name, value.to_string()));
        self
    }

    pub(super) fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    pub(super) fn about(mut self, iccids: &[Iccid]) -> Self {
        self.iccids = iccids.to_vec();
        self
    }

    pub(super) fn listed_by(mut self, list: Self) -> Self {
        self.list = Some(Box::new(list));
        self
    }

    pub(super) fn keeping_token(mut self) -> Self {
        self.keeps_token = true;
        self
    }
}
