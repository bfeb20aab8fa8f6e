//! Faults to inject: which calls they hit, how often, and what goes wrong.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::pattern::fits;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The answer comes `delay_ms` late.
    Delay,
    /// The call arrives `delay_ms` late: until then it is not counted and has no effect. Which customer calls is not
    /// known before, so a rule for one customer never hits.
    LateArrival,
    /// `status` with a JSON, HTML or empty body, and no effect.
    Status,
    /// 429 before the rate limit is looked at, with `retry_after` if given.
    Throttle,
    /// The connection is closed without an answer and without an effect.
    CutBeforeEffect,
    /// The effect happens, then the connection is closed without an answer.
    CutAfterEffect,
    /// The effect happens; the answer is valid JSON of another shape.
    WrongJson,
    /// The effect happens; the body ends in the middle.
    TruncatedBody,
    /// Every connection is closed without an answer until the fault is removed.
    Down,
}

impl FaultKind {
    /// Whether it happens in front of the rate limit; the others only hit calls the limit lets through.
    fn precedes_limit(self) -> bool {
        matches!(self, FaultKind::Delay | FaultKind::Throttle | FaultKind::Down)
    }
}

/// Body of a [`FaultKind::Status`] answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum FaultBody {
    /// `{"message": …}` as an API gateway writes it.
    #[default]
    Json,
    /// An HTML error page.
    Html,
    /// Nothing.
    Empty,
}

/// One rule of the fault book.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Prefix of the path, with or without `/management-api`; `*` matches anything, a final `$` ends the path.
    #[serde(default)]
    pub path: String,
    /// Only this HTTP method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Only calls of this customer (its client id).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// What goes wrong.
    pub kind: FaultKind,
    /// Share of matching calls that are hit, 0 to 1.
    #[serde(default = "always")]
    pub probability: f64,
    /// How many calls are hit before the rule is spent; none = no end. A call over the rate limit spends only
    /// delays and throttles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// For [`FaultKind::Delay`] and [`FaultKind::LateArrival`], in real milliseconds.
    #[serde(default)]
    pub delay_ms: u64,
    /// For [`FaultKind::Status`]; 500 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// For [`FaultKind::Status`].
    #[serde(default)]
    pub body: FaultBody,
    /// Seconds in `Retry-After`, for [`FaultKind::Throttle`] and [`FaultKind::Status`]; none = no header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

fn always() -> f64 {
    1.0
}

impl Fault {
    /// A fault of `kind` on every call whose path begins with `path`.
    pub fn new(kind: FaultKind, path: &str) -> Self {
        Self {
            path: path.to_owned(),
            method: None,
            customer: None,
            kind,
            probability: 1.0,
            count: None,
            delay_ms: 0,
            status: None,
            body: FaultBody::Json,
            retry_after: None,
        }
    }

    /// Only this HTTP method.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        self.method = Some(method.to_owned());
        self
    }

    /// Only the next `count` matching calls.
    #[must_use]
    pub fn times(mut self, count: u64) -> Self {
        self.count = Some(count);
        self
    }

    /// Only this share of the matching calls.
    #[must_use]
    pub fn probability(mut self, share: f64) -> Self {
        self.probability = share;
        self
    }

    /// Milliseconds of a delay.
    #[must_use]
    pub fn delay_ms(mut self, ms: u64) -> Self {
        self.delay_ms = ms;
        self
    }

    /// Status and body of a [`FaultKind::Status`] fault.
    #[must_use]
    pub fn status(mut self, status: u16, body: FaultBody) -> Self {
        self.status = Some(status);
        self.body = body;
        self
    }

    /// Seconds of a `Retry-After` header.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    fn matches(&self, method: &str, path: &str, customer: Option<&str>) -> bool {
        self.method
            .as_deref()
            .is_none_or(|m| m.eq_ignore_ascii_case(method))
            && self.customer.as_deref().is_none_or(|c| customer == Some(c))
            && fits(&self.path, path)
    }
}

/// The course a call takes.
#[derive(Debug, Clone, PartialEq)]
pub enum Fate {
    Normal,
    /// Refused by the rate limit; a place is free after this time.
    OverLimit(Duration),
    Fault(Fault),
}

/// What happens to one call.
#[derive(Debug, Clone)]
pub struct Drawn {
    /// Milliseconds of all delays that hit.
    pub delay_ms: u64,
    pub fate: Fate,
}

/// A stored rule with its identity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredFault {
    /// Number to delete it by.
    pub id: u64,
    /// How many calls it hit.
    pub hits: u64,
    /// The rule.
    pub fault: Fault,
}

impl StoredFault {
    fn hits(&self, method: &str, path: &str, customer: Option<&str>) -> bool {
        let fault = &self.fault;
        fault.count != Some(0)
            && fault.matches(method, path, customer)
            && (fault.probability >= 1.0 || rand::random::<f64>() < fault.probability)
    }

    fn spend(&mut self) {
        self.hits += 1;
        self.fault.count = self.fault.count.map(|left| left - 1);
    }
}

/// All rules, in order of arrival.
#[derive(Debug, Default)]
pub struct FaultBook {
    rules: Vec<StoredFault>,
    next_id: u64,
}

impl FaultBook {
    /// Adds a rule and returns its number.
    pub fn add(&mut self, fault: Fault) -> u64 {
        self.next_id += 1;
        self.rules.push(StoredFault {
            id: self.next_id,
            hits: 0,
            fault,
        });
        self.next_id
    }

    /// Removes one rule; false if there is none of that number.
    pub fn remove(&mut self, id: u64) -> bool {
        let before = self.rules.len();
        self.rules.retain(|rule| rule.id != id);
        before != self.rules.len()
    }

    /// Removes every rule.
    pub fn clear(&mut self) {
        self.rules.clear();
    }

    /// The rules and how often they hit.
    pub fn list(&self) -> &[StoredFault] {
        &self.rules
    }

    /// Milliseconds by which a call arrives late.
    pub fn late(&mut self, method: &str, path: &str) -> u64 {
        let mut late = 0;
        for rule in &mut self.rules {
            if rule.fault.kind == FaultKind::LateArrival && rule.hits(method, path, None) {
                rule.spend();
                late += rule.fault.delay_ms;
            }
        }
        late
    }

    /// Decides the fate of one call: all matching delays, then the first other rule that hits.
    /// `admit` asks the rate limit, at most once; a call over it costs no rule that would have acted behind it.
    pub fn draw(
        &mut self,
        method: &str,
        path: &str,
        customer: Option<&str>,
        admit: impl FnOnce() -> Result<(), Duration>,
    ) -> Drawn {
        let mut delay_ms = 0;
        let mut decisive = None;
        for rule in &mut self.rules {
            let delay = rule.fault.kind == FaultKind::Delay;
            if rule.fault.kind == FaultKind::LateArrival {
                continue;
            }
            if !delay && decisive.is_some() || !rule.hits(method, path, customer) {
                continue;
            }
            if delay {
                rule.spend();
                delay_ms += rule.fault.delay_ms;
            } else {
                decisive = Some(rule);
            }
        }
        let early = decisive
            .as_ref()
            .is_some_and(|rule| rule.fault.kind.precedes_limit());
        let admitted = if early { Ok(()) } else { admit() };
        let fate = match (admitted, decisive) {
            (Err(wait), _) => Fate::OverLimit(wait),
            (Ok(()), None) => Fate::Normal,
            (Ok(()), Some(rule)) => {
                rule.spend();
                Fate::Fault(rule.fault.clone())
            }
        };
        Drawn { delay_ms, fate }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(book: &mut FaultBook, path: &str) -> (u64, bool) {
        let drawn = book.draw("GET", path, None, || Ok(()));
        (drawn.delay_ms, matches!(drawn.fate, Fate::Fault(_)))
    }

    #[test]
    fn a_spent_rule_lets_calls_pass_and_delays_add_up() {
        let mut book = FaultBook::default();
        book.add(Fault::new(FaultKind::Delay, "").delay_ms(5));
        book.add(Fault::new(FaultKind::Status, "/v1").times(2));
        book.add(Fault::new(FaultKind::Delay, "").delay_ms(7).times(1));
        assert_eq!(draw(&mut book, "/v1/sims"), (12, true));
        assert_eq!(draw(&mut book, "/v1/sims"), (5, true));
        assert_eq!(draw(&mut book, "/v1/sims"), (5, false));
        assert_eq!(book.list()[1].hits, 2);
    }

    #[test]
    fn a_call_over_the_limit_spends_only_what_lies_in_front_of_it() {
        let wait = Duration::from_millis(300);
        let over = |book: &mut FaultBook| book.draw("GET", "/", None, || Err(wait)).fate;
        let mut book = FaultBook::default();
        book.add(Fault::new(FaultKind::CutAfterEffect, "").times(1));
        book.add(Fault::new(FaultKind::Throttle, "").times(1));
        assert_eq!(over(&mut book), Fate::OverLimit(wait));
        assert_eq!((book.list()[0].hits, book.list()[0].fault.count), (0, Some(1)));
        assert_eq!(draw(&mut book, "/"), (0, true), "the cut still happens");
        assert!(matches!(over(&mut book), Fate::Fault(fault) if fault.kind == FaultKind::Throttle));
        assert_eq!(over(&mut book), Fate::OverLimit(wait));
    }

    #[test]
    fn probability_is_a_share() {
        let mut book = FaultBook::default();
        book.add(Fault::new(FaultKind::Throttle, "").probability(0.3));
        let hits = (0..10_000).filter(|_| draw(&mut book, "/").1).count();
        assert!((2_600..3_400).contains(&hits), "{hits}");
    }
}
