//! Which path means which operation, per API generation.

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

type Row = (&'static str, &'static str, Op, bool);

/// Method, path under the version, operation, whether v2 has it (SPEC-v2); all are in v1.
const TABLE: [Row; 29] = [
    ("GET", "sims", Op::ListSims, true),
    ("POST", "sims", Op::BulkUpdate, false),
    ("POST", "sims/simTransfer", Op::Transfer, false),
    ("POST", "sims/topup", Op::BulkTopup, false),
    ("POST", "sims/autoTopup", Op::AutoTopup, false),
    ("GET", "sims/limits", Op::GetLimits, false),
    ("POST", "sims/limits", Op::SetLimits, false),
    ("POST", "sims/extension", Op::Extend, false),
    ("GET", "sims/{iccid}", Op::GetSim, true),
    ("PUT", "sims/{iccid}", Op::PutSim, true),
    ("GET", "sims/{iccid}/status", Op::Status, true),
    (
        "GET",
        "sims/{iccid}/connectivity_info",
        Op::ConnectivityInfo,
        false,
    ),
    ("POST", "sims/{iccid}/reset", Op::Reset, true),
    ("GET", "sims/{iccid}/events", Op::Events, true),
    ("GET", "sims/{iccid}/usage", Op::Usage, true),
    ("GET", "sims/{iccid}/quota/data", Op::DataQuota, true),
    ("GET", "sims/{iccid}/quota/sms", Op::SmsQuota, true),
    ("GET", "sims/{iccid}/sms", Op::ListSms, true),
    ("POST", "sims/{iccid}/sms", Op::SendSms, true),
    ("GET", "sims/{iccid}/sms/{id}", Op::GetSms, true),
    ("DELETE", "sims/{iccid}/sms/{id}", Op::CancelSms, true),
    ("POST", "sims/{iccid}/topup", Op::Topup, true),
    ("GET", "sims/{iccid}/limits", Op::LimitSteps, false),
    ("GET", "orders", Op::ListOrders, false),
    ("POST", "orders", Op::PlaceOrder, false),
    ("GET", "orders/{order_number}", Op::GetOrder, false),
    ("GET", "products", Op::Products, false),
    ("GET", "support", Op::ListSupport, false),
    ("POST", "support", Op::OpenSupport, false),
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
pub fn lookup(method: &str, path: &str) -> Lookup {
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
        if version == Version::V2 && !in_v2 {
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

    fn op(method: &str, path: &str) -> Option<Op> {
        match lookup(method, path) {
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
    fn v2_lacks_what_its_specification_lacks() {
        assert_eq!(op("GET", "/v2/sims"), Some(Op::ListSims));
        assert_eq!(op("POST", "/v2/sims/1/topup"), Some(Op::Topup));
        for (method, path) in [
            ("POST", "sims"),
            ("GET", "sims/limits"),
            ("POST", "sims/topup"),
            ("GET", "orders"),
        ] {
            assert_eq!(op(method, &format!("/v2/{path}")), None, "{path}");
        }
    }

    #[test]
    fn words_are_no_iccids_and_wrong_methods_are_told() {
        assert!(
            matches!(lookup("GET", "/v1/sims/topup"), Lookup::WrongMethod(_, _, allow) if allow == "POST")
        );
        assert!(matches!(lookup("GET", "/v3/sims"), Lookup::Unknown(None)));
        assert!(matches!(
            lookup("GET", "/v1/nothing"),
            Lookup::Unknown(Some(Version::V1))
        ));
        assert!(matches!(lookup("GET", "/oauth/token"), Lookup::WrongMethod(..)));
        assert_eq!(op("GET", "/v1/sims/data/limits"), Some(Op::LimitSteps));
    }
}
