//! Paths that are gone, and the ways in which an API says so.

use serde::{Deserialize, Serialize};

use crate::pattern;

/// How a path that is gone answers. Nobody knows yet how v1 will end (FACTS §1); these are the ways proxies know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Manner {
    /// 404 `{"message": …}`.
    #[serde(rename = "404_json")]
    NotFoundJson,
    /// 404 with a page.
    #[serde(rename = "404_html")]
    NotFoundHtml,
    /// 410 `{"message": …}`.
    #[serde(rename = "410_json")]
    GoneJson,
    /// 410 with a page.
    #[serde(rename = "410_html")]
    GoneHtml,
    /// 403 `{"message": "Missing Authentication Token"}`, the words of AWS API Gateway for a path it does not know.
    #[serde(rename = "403")]
    Forbidden,
    /// 401 with the body of a refused token, whatever the token.
    #[serde(rename = "401")]
    Unauthorized,
    /// 301 to a page that answers 200.
    #[serde(rename = "301_page")]
    RedirectToPage,
    /// 308 from a v1 path to the same path under v2: who follows it repeats the call there.
    #[serde(rename = "308_v2")]
    RedirectToV2,
    /// 200 with a page: a success by its status alone.
    #[serde(rename = "200_html")]
    OkHtml,
    /// No answer for `hang_seconds`, then the connection ends.
    Hang,
}

impl Manner {
    /// Those that answer; [`Manner::Hang`] does not.
    pub const ANSWERING: [Self; 9] = [
        Self::NotFoundJson,
        Self::NotFoundHtml,
        Self::GoneJson,
        Self::GoneHtml,
        Self::Forbidden,
        Self::Unauthorized,
        Self::RedirectToPage,
        Self::RedirectToV2,
        Self::OkHtml,
    ];
}

/// Paths that are gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ended {
    /// Prefix of the path, with or without `/management-api`; `*` matches anything, a final `$` ends the path.
    pub path: String,
    /// Only this HTTP method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// What a call gets.
    pub manner: Manner,
}

impl Ended {
    /// Every path that begins with `path`, e.g. `/v1/` or `/v1/sims/simTransfer$`.
    pub fn new(path: &str, manner: Manner) -> Self {
        Self {
            path: path.to_owned(),
            method: None,
            manner,
        }
    }

    /// Whether it means this call.
    pub(crate) fn fits(&self, method: &str, path: &str) -> bool {
        let same = |wanted: &String| wanted.eq_ignore_ascii_case(method);
        self.method.as_ref().is_none_or(same) && pattern::fits(&self.path, path)
    }
}
