//! What a handler knows about the call it answers.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::answer::Answer;
use super::route::Version;
use crate::account::Account;
use crate::clock::Millis;
use crate::config::{Mode, Settings};
use crate::dates::{rfc3339, spring};
use crate::fleet::SimIndex;
use crate::fleet::seeded::SLOT_SIZE;

/// Text of the 422 (SPEC-v1).
pub const EXPIRED: &str =
    "The following SIMs are expired and cannot be modified via API. Only extensions are permitted";

/// An authenticated call.
pub struct Call<'a> {
    pub version: Version,
    pub settings: &'a Settings,
    pub query: &'a HashMap<String, String>,
    pub body: &'a [u8],
    pub params: &'a [String],
    pub now: Millis,
    /// Scheme, host and `/management-api`, for `Location` headers.
    pub base_url: &'a str,
    /// An ICCID of the path, or of a list of SIMs to pay for, belongs to another customer.
    pub foreign: bool,
}

/// A requested page.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    pub number: usize,
    pub size: usize,
}

impl Page {
    /// The part of `all` on this page.
    pub fn of<'t, T>(&self, all: &'t [T]) -> &'t [T] {
        let start = (self.number - 1).saturating_mul(self.size).min(all.len());
        &all[start..(start + self.size).min(all.len())]
    }
}

impl Call<'_> {
    /// Whether the specification's reading is wanted.
    pub fn strict(&self) -> bool {
        self.settings.mode == Mode::Spec
    }

    /// Whether this is API v2.
    pub fn v2(&self) -> bool {
        self.version == Version::V2
    }

    /// An error in the shape of the generation.
    pub fn fail(&self, status: u16, message: &str) -> Answer {
        match (self.version, status) {
            (Version::V2, _) => Answer::v2_error(status, message),
            (Version::V1, 403 | 404) => Answer::empty(status),
            (Version::V1, _) => Answer::gateway(status, message),
        }
    }

    /// 404 in the shape of the generation.
    pub fn not_found(&self) -> Answer {
        self.fail(404, "Element not found")
    }

    /// Whether this generation knows the SIM: on a hybrid account v1 has the old ones only (FACTS §1).
    pub fn knows(&self, sim: SimIndex) -> bool {
        let older = |first: u32| sim % SLOT_SIZE < first;
        self.v2() || self.settings.v2_only_from.is_none_or(older)
    }

    /// The live SIM with this ICCID that this generation knows.
    pub fn find(&self, account: &Account, iccid: &str) -> Option<SimIndex> {
        account.find(iccid).filter(|sim| self.knows(*sim))
    }

    /// The path's SIM, whatever its state.
    pub fn any_sim(&self, account: &Account) -> Result<SimIndex, Answer> {
        let iccid = self.params.first().map(String::as_str).unwrap_or_default();
        self.find(account, iccid).ok_or_else(|| self.not_found())
    }

    /// The path's SIM for reading: v1 refuses expired ones (FACTS §5).
    pub fn sim(&self, account: &Account) -> Result<SimIndex, Answer> {
        let sim = self.any_sim(account)?;
        let broken = account.view(sim, self.now).delta.and_then(|d| d.read_status);
        if let Some(status) = broken {
            return Err(self.fail(status, "The SIM cannot be read"));
        }
        if !self.v2() {
            self.refuse_expired(account, &[sim])?;
        }
        Ok(sim)
    }

    /// The path's SIM for changing: expired ones are refused by both generations.
    pub fn sim_to_change(&self, account: &Account) -> Result<SimIndex, Answer> {
        let sim = self.any_sim(account)?;
        self.refuse_change(account, &[sim])?;
        Ok(sim)
    }

    /// 409 (v2) if a change of the SIM waits to be carried out.
    pub fn refuse_busy(&self, account: &Account, sim: SimIndex) -> Result<(), Answer> {
        if self.v2() && self.settings.busy_conflicts && account.is_busy(sim) {
            return Err(self.fail(409, "Another change of the SIM is in progress"));
        }
        Ok(())
    }

    /// The status a test chose for one of the SIMs, or that of expired ones.
    pub fn refuse_change(&self, account: &Account, sims: &[SimIndex]) -> Result<(), Answer> {
        self.refuse_broken(account, sims)?;
        self.refuse_expired(account, sims)
    }

    /// The status a test chose for changes of one of the SIMs.
    pub fn refuse_broken(&self, account: &Account, sims: &[SimIndex]) -> Result<(), Answer> {
        let chosen = |sim: &SimIndex| account.view(*sim, self.now).delta?.change_status;
        match sims.iter().find_map(chosen) {
            Some(status) => Err(self.fail(status, "A SIM cannot be changed")),
            None => Ok(()),
        }
    }

    /// 400 for a list of more SIMs than a call takes.
    pub fn check_bulk(&self, sims: usize) -> Result<(), Answer> {
        let most = self.settings.max_bulk_sims;
        if sims > most {
            return Err(self.fail(400, &format!("At most {most} SIMs are possible in one call")));
        }
        Ok(())
    }

    /// 422 (v1) or 409 (v2) if one of the SIMs is expired.
    pub fn refuse_expired(&self, account: &Account, sims: &[SimIndex]) -> Result<(), Answer> {
        if sims.iter().any(|sim| account.view(*sim, self.now).expired()) {
            return Err(self.fail(if self.v2() { 409 } else { 422 }, EXPIRED));
        }
        Ok(())
    }

    /// The JSON body, or 400. The specification allows null nowhere in a request.
    pub fn json(&self) -> Result<Value, Answer> {
        let body = serde_json::from_slice(self.body)
            .map_err(|e| self.fail(400, &format!("Malformed JSON body: {e}")))?;
        if self.strict() && holds_null(&body) {
            return Err(self.fail(400, "Malformed JSON body: null is no value"));
        }
        Ok(body)
    }

    /// The page asked for. Sizes over `max` are refused by the specification's reading, cut by the other.
    pub fn page(&self, size_name: &str, default: usize, max: usize) -> Result<Page, Answer> {
        let number = self.number("page", 1)?;
        let size = self.number(size_name, default)?;
        if size > max && self.strict() {
            return Err(self.fail(400, &format!("Parameter {size_name} must not exceed {max}")));
        }
        Ok(Page {
            number,
            size: size.min(max),
        })
    }

    fn number(&self, name: &str, default: usize) -> Result<usize, Answer> {
        let Some(text) = self.query.get(name) else {
            return Ok(default);
        };
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        match text.parse::<usize>() {
            Ok(number) if digits && number > 0 => Ok(number),
            _ => Err(self.fail(
                400,
                &format!("Cannot parse parameter {name} as Int: For Input String \"{text}\""),
            )),
        }
    }

    /// The four paging headers, unless switched off (FACTS §4).
    pub fn paged(&self, answer: Answer, page: Page, total: usize) -> Answer {
        if !self.settings.paging_headers {
            return answer;
        }
        answer
            .header("X-Count-Per-Page", page.size)
            .header("X-Current-Page", page.number)
            .header("X-Total-Count", total)
            .header("X-Total-Pages", total.div_ceil(page.size))
    }

    /// A date where the specification says `date-time` and recordings show `+0000`.
    pub fn date(&self, at: Millis) -> String {
        if self.strict() { rfc3339(at) } else { spring(at) }
    }
}

fn holds_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(holds_null),
        Value::Object(fields) => fields.values().any(holds_null),
        _ => false,
    }
}

/// Millionths as a JSON number, whole where possible.
pub fn number(millionths: i64) -> Value {
    if millionths % 1_000_000 == 0 {
        json!(millionths / 1_000_000)
    } else {
        json!(millionths as f64 / 1e6)
    }
}

/// A required or optional string of a JSON object; another type is an error.
pub fn text_field(object: &Value, name: &str) -> Result<Option<String>, String> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(format!("{name} must be a string")),
    }
}
