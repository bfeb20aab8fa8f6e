//! Which path means which operation, per API generation.

use crate::config::{Settings, V2Paths};

/// API generation of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    V1,
    V2,
}

/// Rate-limit group of a path (FACTS §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Group {
    OAuth,
    Sims,
    Orders,
    Products,
    Support,
}

impl Group {
    /// Name used in window keys.
    pub fn name(self) -> &'static str {
        match self {
            Group::OAuth => "oauth",
            Group::Sims => "sims",
            Group::Orders => "orders",
            Group::Products => "products",
            Group::Support => "support",
        }
    }
}

/// An operation of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    Token,
    ListSims,
    BulkUpdate,
    Transfer,
    BulkTopup,
    AutoTopup,
    GetLimits,
    SetLimits,
    LimitSteps,
    Extend,
    GetSim,
    PutSim,
    Status,
    ConnectivityInfo,
    Reset,
    Events,
    Usage,
    DataQuota,
    SmsQuota,
    ListSms,
    SendSms,
    GetSms,
    CancelSms,
    Topup,
    ListOrders,
    PlaceOrder,
    GetOrder,
    Products,
    ListSupport,
    OpenSupport,
}

/// Whether v2 has an operation.
#[derive(Clone, Copy)]
enum InV2 {
    /// Its published file has it.
    Always,
    Never,
    /// An account may have it.
    Switch(fn(&V2Paths) -> bool),
}
use InV2::{Always, Never, Switch};

impl InV2 {
    fn offered(self, paths: &V2Paths) -> bool {
        match self {
            Always => true,
            Never => false,
            Switch(of) => of(paths),
        }
    }
}

type Row = (&'static str, &'static str, Op, InV2);

/// Method, path under the version, operation, whether v2 has it; all are in v1.
const TABLE: [Row; 29] = [
    ("GET", "sims", Op::ListSims, Always),
    ("POST", "sims", Op::BulkUpdate, Switch(|v2| v2.bulk_update)),
    (
        "POST",
        "sims/simTransfer",
        Op::Transfer,
        Switch(|v2| v2.sim_transfer),
    ),
    ("POST", "sims/topup", Op::BulkTopup, Switch(|v2| v2.bulk_topup)),
    (
        "POST",
        "sims/autoTopup",
        Op::AutoTopup,
        Switch(|v2| v2.auto_topup),
    ),
    ("GET", "sims/limits", Op::GetLimits, Switch(|v2| v2.limits)),
    ("POST", "sims/limits", Op::SetLimits, Switch(|v2| v2.limits)),
    ("POST", "sims/extension", Op::Extend, Switch(|v2| v2.extension)),
    ("GET", "sims/{iccid}", Op::GetSim, Always),
    ("PUT", "sims/{iccid}", Op::PutSim, Always),
    ("GET", "sims/{iccid}/status", Op::Status, Always),
    (
        "GET",
        "sims/{iccid}/connectivity_info",
        Op::ConnectivityInfo,
        Switch(|v2| v2.connectivity_info),
    ),
    ("POST", "sims/{iccid}/reset", Op::Reset, Always),
    ("GET", "sims/{iccid}/events", Op::Events, Always),
    ("GET", "sims/{iccid}/usage", Op::Usage, Always),
    ("GET", "sims/{iccid}/quota/data", Op::DataQuota, Always),
    ("GET", "sims/{iccid}/quota/sms", Op::SmsQuota, Always),
    ("GET", "sims/{iccid}/sms", Op::ListSms, Always),
    ("POST", "sims/{iccid}/sms", Op::SendSms, Always),
    ("GET", "sims/{iccid}/sms/{id}", Op::GetSms, Always),
    ("DELETE", "sims/{iccid}/sms/{id}", Op::CancelSms, Always),
    ("POST", "sims/{iccid}/topup", Op::Topup, Always),
    (
        "GET",
        "sims/{iccid}/limits",
        Op::LimitSteps,
        Switch(|v2| v2.limits),
    ),
    ("GET", "orders", Op::ListOrders, Never),
    ("POST", "orders", Op::PlaceOrder, Never),
    ("GET", "orders/{order_number}", Op::GetOrder, Never),
    ("GET", "products", Op::Products, Never),
    ("GET", "support", Op::ListSupport, Never),
    ("POST", "support", Op::OpenSupport, Never),
];
const WORDS: [&str; 5] = ["simTransfer", "topup", "autoTopup", "limits", "extension"];

/// A recognised path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub version: Version,
    pub group: Group,
    pub op: Op,
    /// Values of the path's placeholders, in order.
    pub params: Vec<String>,
    /// `GET /v1/sims/{iccid}`.
    pub endpoint: String,
}

/// The outcome of a look-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    Found(Route),
    /// The path exists with the methods named.
    WrongMethod(Version, Group, String),
    /// Nothing of that name; the version if the path begins with one.
    Unknown(Option<Version>),
}

/// Finds the operation of a path below `/management-api`.
pub fn lookup(method: &str, path: &str, settings: &Settings) -> Lookup {
    let path = path.trim_start_matches('/');
    if path == "oauth/token" {
        return token_route(method);
    }
    let (version, rest) = match path.split_once('/') {
        Some(("v1", rest)) => (Version::V1, rest),
        Some(("v2", rest)) => (Version::V2, rest),
        _ => return Lookup::Unknown(None),
    };
    let mut allowed = Vec::new();
    let mut group = Group::Sims;
    for (row_method, pattern, op, in_v2) in &TABLE {
        if version == Version::V2 && !in_v2.offered(&settings.v2_paths) {
            continue;
        }
        let Some(params) = fit(pattern, rest) else {
            continue;
        };
        group = group_of(pattern);
        if *row_method != method {
            allowed.push(*row_method);
            continue;
        }
        let prefix = if version == Version::V1 { "v1" } else { "v2" };
        let endpoint = format!("{method} /{prefix}/{pattern}");
        return Lookup::Found(Route {
            version,
            group,
            op: *op,
            params,
            endpoint,
        });
    }
    if allowed.is_empty() {
        Lookup::Unknown(Some(version))
    } else {
        Lookup::WrongMethod(version, group, allowed.join(", "))
    }
}

fn token_route(method: &str) -> Lookup {
    if method != "POST" {
        return Lookup::WrongMethod(Version::V1, Group::OAuth, "POST".to_owned());
    }
    let endpoint = "POST /oauth/token".to_owned();
    Lookup::Found(Route {
        version: Version::V1,
        group: Group::OAuth,
        op: Op::Token,
        params: Vec::new(),
        endpoint,
    })
}

fn group_of(pattern: &str) -> Group {
    match pattern.split('/').next() {
        Some("orders") => Group::Orders,
        Some("products") => Group::Products,
        Some("support") => Group::Support,
        _ => Group::Sims,
    }
}

/// The placeholder values if `path` has the form of `pattern`.
fn fit(pattern: &str, path: &str) -> Option<Vec<String>> {
    let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
    let mut params = Vec::new();
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(params),
            (Some(p), Some(g)) if p.starts_with('{') => {
                if g.is_empty() || WORDS.contains(&g) {
                    return None;
                }
                params.push(g.to_owned());
            }
            (Some(p), Some(g)) if p == g => {}
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(method: &str, path: &str) -> Lookup {
        lookup(method, path, &Settings::default())
    }

    fn op(method: &str, path: &str) -> Option<Op> {
        match look(method, path) {
            Lookup::Found(route) => Some(route.op),
            _ => None,
        }
    }

    #[test]
    fn every_row_is_reachable_in_v1() {
        for (method, pattern, expected, _) in &TABLE {
            let path = pattern
                .replace("{iccid}", "8988")
                .replace("{id}", "1")
                .replace("{order_number}", "7");
            assert_eq!(
                op(method, &format!("/v1/{path}")),
                Some(*expected),
                "{method} {pattern}"
            );
        }
    }

    #[test]
    fn v2_lacks_what_no_page_shows() {
        assert_eq!(op("GET", "/v2/sims"), Some(Op::ListSims));
        assert_eq!(op("POST", "/v2/sims/1/topup"), Some(Op::Topup));
        for (method, path) in [
            ("POST", "sims"),
            ("GET", "sims/limits"),
            ("POST", "sims/limits"),
            ("GET", "sims/data/limits"),
            ("GET", "orders"),
            ("GET", "products"),
            ("POST", "support"),
        ] {
            assert_eq!(op(method, &format!("/v2/{path}")), None, "{path}");
        }
    }

    #[test]
    fn words_are_no_iccids_and_wrong_methods_are_told() {
        assert!(matches!(look("GET", "/v1/sims/topup"), Lookup::WrongMethod(_, _, allow) if allow == "POST"));
        assert!(matches!(look("GET", "/v3/sims"), Lookup::Unknown(None)));
        assert!(matches!(
            look("GET", "/v1/nothing"),
            Lookup::Unknown(Some(Version::V1))
        ));
        assert!(matches!(look("GET", "/oauth/token"), Lookup::WrongMethod(..)));
        assert_eq!(op("GET", "/v1/sims/data/limits"), Some(Op::LimitSteps));
    }
}
