//! A call as it arrived, before anything decided about it.

use std::time::Instant;

use actix_web::web::Bytes;
use actix_web::{Error, HttpRequest};

use super::PREFIX;
use super::oauth::Login;
use super::route::{self, Group, Lookup, Op};
use crate::config::{Mode, Settings};

/// A call as it arrived.
pub struct Arrival {
    pub at: Instant,
    pub method: String,
    pub path: String,
    pub query: String,
    pub authorization: Option<String>,
    pub content_type: String,
    /// The caller takes gzip.
    pub takes_gzip: bool,
    pub base_url: String,
    pub address: String,
    pub body: Bytes,
    /// Status of a body that was not accepted, e.g. 413.
    pub refused_body: Option<u16>,
    pub lookup: Lookup,
    /// Whose rate limit it falls under.
    pub group: Option<Group>,
}

impl Arrival {
    pub fn read(req: &HttpRequest, body: Result<Bytes, Error>, settings: &Settings) -> Self {
        let header = |name: &str| {
            req.headers()
                .get(name)
                .and_then(|v| v.to_str().ok())
                .map(str::to_owned)
        };
        let connection = req.connection_info();
        let path = req.path().to_owned();
        let inner = path
            .strip_prefix(PREFIX)
            .filter(|inner| inner.is_empty() || inner.starts_with('/'));
        let method = req.method().as_str();
        let lookup = inner.map_or(Lookup::Unknown(None), |inner| {
            route::lookup(method, inner, settings)
        });
        Self {
            at: Instant::now(),
            method: method.to_owned(),
            query: req.query_string().to_owned(),
            authorization: header("authorization"),
            content_type: header("content-type").unwrap_or_default(),
            takes_gzip: header("accept-encoding").is_some_and(|accepted| takes_gzip(&accepted)),
            base_url: format!("{}://{}{PREFIX}", connection.scheme(), connection.host()),
            address: req
                .peer_addr()
                .map(|peer| peer.ip().to_string())
                .unwrap_or_default(),
            refused_body: refused_body(req, &body, settings),
            body: body.unwrap_or_default(),
            group: group(&lookup, settings),
            lookup,
            path,
        }
    }

    pub fn login(&self) -> Login<'_> {
        Login {
            authorization: self.authorization.as_deref(),
            content_type: &self.content_type,
            query: &self.query,
            body: &self.body,
        }
    }

    /// The path as a refused caller is told it: the recorded one lies inside of 1NCE.
    pub fn told_path(&self, settings: &Settings) -> String {
        match settings.mode {
            Mode::Spec => self.path.clone(),
            Mode::Recorded => self.path.replacen(PREFIX, "/internal-global-api", 1),
        }
    }

    pub fn is_login(&self) -> bool {
        matches!(&self.lookup, Lookup::Found(route) if route.op == Op::Token)
    }

    pub fn endpoint(&self) -> String {
        match &self.lookup {
            Lookup::Found(route) => route.endpoint.clone(),
            // One name for all, so that counters stay few whatever is called.
            Lookup::WrongMethod(..) => format!("{} (wrong method)", self.method),
            Lookup::Unknown(_) => format!("{} (unknown)", self.method),
        }
    }
}

fn group(lookup: &Lookup, settings: &Settings) -> Option<Group> {
    match lookup {
        Lookup::Found(route) => Some(route.group),
        Lookup::WrongMethod(_, group, _) => Some(*group),
        Lookup::Unknown(Some(_)) if settings.refused_calls_count => Some(Group::Sims),
        Lookup::Unknown(_) => None,
    }
}

/// Status of a body that is too large, could not be read, or does not tell its length.
fn refused_body(req: &HttpRequest, body: &Result<Bytes, Error>, settings: &Settings) -> Option<u16> {
    let told = ["content-length", "transfer-encoding"];
    let told = told.iter().any(|name| req.headers().contains_key(*name));
    let carries_body = ["POST", "PUT", "PATCH"].contains(&req.method().as_str());
    match body {
        Err(error) => Some(error.as_response_error().status_code().as_u16()),
        Ok(_) if carries_body && !told && settings.content_length_required => Some(411),
        Ok(body) if body.len() > settings.max_body_bytes => Some(413),
        Ok(_) => None,
    }
}

/// Whether an `Accept-Encoding` names gzip and does not exclude it.
fn takes_gzip(accepted: &str) -> bool {
    accepted.split(',').any(|coding| {
        let (name, quality) = coding.split_once(';').unwrap_or((coding, "q=1"));
        let quality = quality.trim().strip_prefix("q=").unwrap_or("1");
        let excluded = quality.parse::<f32>().is_ok_and(|quality| quality == 0.0);
        name.trim().eq_ignore_ascii_case("gzip") && !excluded
    })
}

/// What follows an authorization scheme, whose case does not matter (RFC 9110 §11.1).
pub fn after_scheme<'a>(authorization: &'a str, scheme: &str) -> Option<&'a str> {
    let (given, rest) = authorization.split_once(' ')?;
    given.eq_ignore_ascii_case(scheme).then(|| rest.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_taken_by_those_who_say_so() {
        for yes in ["gzip", "deflate, GZIP;q=0.5", "br;q=1.0, gzip"] {
            assert!(takes_gzip(yes), "{yes}");
        }
        for no in ["", "br", "gzip;q=0", "gzip; q=0.0", "x-gzip"] {
            assert!(!takes_gzip(no), "{no}");
        }
    }

    #[test]
    fn a_scheme_may_be_written_in_any_case() {
        for text in ["Bearer abc", "bearer abc", "BEARER  abc "] {
            assert_eq!(after_scheme(text, "bearer"), Some("abc"), "{text}");
        }
        assert_eq!(after_scheme("Basic abc", "bearer"), None);
        assert_eq!(after_scheme("Bearerabc", "bearer"), None);
    }
}
