//! An API answer before it becomes HTTP, and the error shapes of the two generations (FACTS §14).

use serde_json::{Value, json};

/// What is sent after the head.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    Empty,
    Json(Value),
    Html(String),
}

/// An answer that can still be spoiled by a fault.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Body,
}

impl Answer {
    /// A status without a body.
    pub fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Body::Empty,
        }
    }

    /// A JSON body.
    pub fn json(status: u16, value: Value) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Body::Json(value),
        }
    }

    /// An HTML page as a proxy or a web site writes it.
    pub fn html(status: u16) -> Self {
        let title = match status {
            200 => "Welcome".to_owned(),
            status => format!("{status} Error"),
        };
        let page = format!(
            "<html>\r\n<head><title>{title}</title></head>\r\n<body><h1>{title}</h1></body>\r\n</html>\r\n"
        );
        Self {
            status,
            headers: Vec::new(),
            body: Body::Html(page),
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    /// The body the API gateway itself writes.
    pub fn gateway(status: u16, message: &str) -> Self {
        Self::json(status, json!({ "message": message }))
    }

    /// 429, with `Retry-After` in seconds if asked for.
    pub fn too_many(retry_after: Option<u64>) -> Self {
        let answer = Self::gateway(429, "Too Many Requests");
        match retry_after {
            Some(seconds) => answer.header("Retry-After", seconds),
            None => answer,
        }
    }

    /// The Spring-style body of a refused bearer token.
    pub fn unauthorized(path: &str, at: &str) -> Self {
        let body = json!({
            "timestamp": at, "status": 401, "error": "Unauthorized",
            "message": "The token is invalid: Illegal base64 character 20", "path": path,
        });
        Self::json(401, body)
    }

    /// The v2 error object.
    pub fn v2_error(status: u16, message: &str) -> Self {
        let token = match status {
            400 => "BadRequest",
            403 => "Forbidden",
            404 => "NotFound",
            405 => "MethodNotAllowed",
            409 => "Conflict",
            _ => "InternalServerError",
        };
        Self::json(
            status,
            json!({ "error_code": 1000, "error_token": token, "message": message }),
        )
    }
}
