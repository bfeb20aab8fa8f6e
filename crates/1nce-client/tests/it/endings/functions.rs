//! Every function of the client, a server whose v1 ends in a manner, and what a caller can work with.

use std::time::Duration;

use domain::{Iccid, SimStatus};
use once_client::model::{BulkOutcome, LimitUpdate, PaymentMethod, Service, SmsSubmit, Transfer};
use once_client::{ClientError, Generations, Lane, OnceClient, SimUpdate};

use crate::canned::{Canned, json};
use crate::strange_answers::client_with;

pub const LANE: Lane = Lane::Interactive;
pub const CARD: &str = "8988999000000000017";
pub const TOKEN_REFUSED: &str =
    r#"{"timestamp":"x","status":401,"error":"Unauthorized","message":"x","path":"/v1"}"#;
pub const HTML: &str = "<html><h1>This page has moved</h1></html>";
pub const GATEWAY: &str = r#"{"message":"Forbidden"}"#;

/// A manner of ending: status and body; 0 hangs.
pub const MANNERS: [(u16, &str); 11] = [
    (404, GATEWAY),
    (404, HTML),
    (404, ""),
    (410, GATEWAY),
    (410, HTML),
    (403, GATEWAY),
    (403, HTML),
    (401, TOKEN_REFUSED),
    (302, HTML),
    (200, HTML),
    (0, ""),
];

/// Everything that can be asked of the SIM API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    List,
    Get,
    Update,
    Status,
    Reset,
    Quota,
    Sms,
    Events,
    TopUp,
    BulkTopUp,
    AutoTopUp,
    Extend,
    Transfer,
    ConnectivityInfo,
    Usage,
    BulkUpdate,
    GetLimits,
    SetLimits,
    LimitSteps,
}

use Function::{
    AutoTopUp, BulkTopUp, BulkUpdate, ConnectivityInfo, Events, Extend, Get, GetLimits, LimitSteps, List,
    Quota, Reset, SetLimits, Sms, Status, TopUp, Update, Usage,
};

pub const ALL: [Function; 19] = [
    List,
    Get,
    Update,
    Status,
    Reset,
    Quota,
    Sms,
    Events,
    TopUp,
    BulkTopUp,
    AutoTopUp,
    Extend,
    Function::Transfer,
    ConnectivityInfo,
    Usage,
    BulkUpdate,
    GetLimits,
    SetLimits,
    LimitSteps,
];
/// Those that v1 serves while it lives, with a part of their path.
pub const THROUGH_V1: [(Function, &str); 5] = [
    (Usage, "/usage"),
    (BulkUpdate, "POST /management-api/v1/sims "),
    (GetLimits, "GET /management-api/v1/sims/limits"),
    (SetLimits, "POST /management-api/v1/sims/limits"),
    (LimitSteps, "/sims/data/limits"),
];

pub fn card() -> Iccid {
    Iccid::parse(CARD).unwrap()
}

/// The answer of a generation that works; v2's one to what is unknown of it is its own 404.
pub fn works(line: &str) -> String {
    let v2 = line.contains("/v2/");
    let sim = format!(r#"{{"iccid":"{CARD}","status":"Enabled","imei_lock":false}}"#);
    let path = line.split(' ').nth(1).unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default();
    let method = line.split(' ').next().unwrap_or_default();
    let unknown_on_v2 = path.ends_with("/limits") || (method == "POST" && path.ends_with("/sims"));
    if v2 && unknown_on_v2 {
        let body = r#"{"error_code":1000,"error_token":"NotFound","message":"No such path"}"#;
        return json(404, "", body);
    }
    let body = match path.rsplit('/').next().unwrap_or_default() {
        "sims" if method == "GET" => format!("[{sim}]"),
        CARD if method == "GET" => sim,
        "status" => r#"{"status":"ONLINE"}"#.into(),
        "data" | "sms" if path.contains("/quota/") => r#"{"volume":1,"total_volume":2}"#.into(),
        "usage" => r#"{"stats":[{"date":"2026-07-15","data":{"volume":"1"}}]}"#.into(),
        "events" => "[]".into(),
        "limits" if path.contains("/data/") => r#"[{"id":1,"limit":"16","unit":"MB"}]"#.into(),
        "limits" if method == "GET" => r#"{"data":{"id":1,"limit":"16","unit":"MB"}}"#.into(),
        "connectivity_info" => r#"{"request_timestamp":"2026-07-15T12:00:00Z"}"#.into(),
        _ => String::new(),
    };
    json(if method == "POST" { 201 } else { 200 }, "", &body)
}

/// v2 works; of v1 everything that holds `part` ends in a manner.
pub async fn server(status: u16, body: &'static str, part: &'static str) -> Canned {
    Canned::start(move |line: &str| {
        if !line.contains("/v1/") || !line.contains(part) {
            return works(line);
        }
        match status {
            // Nothing is written, and the connection stays open.
            0 => String::new(),
            302 => json(302, "location: https://example.com/\r\n", body),
            status => json(status, "", body),
        }
    })
    .await
}

pub fn client(server: &Canned) -> OnceClient {
    client_with(server, |config| {
        config.generations = Generations::Auto;
        config.call_timeout = Duration::from_millis(400);
        config.max_retries = [0; 3];
    })
}

pub async fn perform(client: &OnceClient, function: Function) -> Result<(), ClientError> {
    let (iccid, cards) = (card(), [card()]);
    let update = SimUpdate {
        imei_lock: Some(false),
        status: Some(SimStatus::Enabled),
        ..SimUpdate::new(iccid)
    };
    let day = chrono::NaiveDate::from_ymd_opt(2026, 7, 15).unwrap();
    let text = SmsSubmit {
        payload: "reboot".into(),
        ..SmsSubmit::default()
    };
    let transfer = Transfer {
        target_organisation: Some(1),
        iccids: cards.to_vec(),
        ranges: Vec::new(),
    };
    let limits = LimitUpdate {
        data: Some(1),
        ..LimitUpdate::default()
    };
    let payment = PaymentMethod::CreditCard;
    match function {
        List => client.list_sims(LANE, 1, 10).await.map(drop),
        Get => client
            .get_sim(LANE, iccid)
            .await
            .map(|sim| assert!(sim.is_some())),
        Update => client.update_sim(LANE, &update).await,
        Status => client.sim_status(LANE, iccid).await.map(drop),
        Reset => client.reset_sim(LANE, iccid).await,
        Quota => client.data_quota(LANE, iccid).await.map(drop),
        Sms => client.send_sms(LANE, iccid, &text).await.map(drop),
        Events => client.events(LANE, iccid, 1, 10).await.map(drop),
        TopUp => client.top_up(LANE, iccid, payment).await.map(drop),
        BulkTopUp => client.bulk_top_up(LANE, &cards, payment).await.map(drop),
        AutoTopUp => client.auto_top_up(LANE, &cards, true).await,
        Extend => client.extend(LANE, &cards, None, payment).await.map(drop),
        Function::Transfer => client.transfer(LANE, &transfer).await,
        ConnectivityInfo => client.connectivity_info(LANE, iccid, false).await.map(drop),
        Usage => client.usage(LANE, iccid, day, day).await.map(drop),
        BulkUpdate => client.bulk_update(LANE, &[update]).await.map(|outcome| {
            let BulkOutcome::OneByOne(outcomes) = outcome else {
                return;
            };
            assert!(
                outcomes.iter().all(|(_, outcome)| outcome.is_ok()),
                "{outcomes:?}"
            );
        }),
        GetLimits => client.get_limits(LANE).await.map(drop),
        SetLimits => client.set_limits(LANE, limits).await,
        LimitSteps => client.selectable_limits(LANE, Service::Data).await.map(drop),
    }
}

/// Whether the outcome is one of the three that a caller can work with.
pub fn is_clear(function: Function, outcome: &Result<(), ClientError>, hangs: bool) -> bool {
    let only_on_v1 = matches!(function, GetLimits | SetLimits | LimitSteps);
    match outcome {
        Ok(()) => !only_on_v1,
        // In plain words: which generation does what.
        Err(ClientError::CapabilityUnavailable { why, .. }) => {
            only_on_v1 && why.contains("v1 ") && why.contains("v2 has no such path")
        }
        // It pauses and says why: v1 may come back.
        Err(error @ (ClientError::CapabilityUnknown { .. } | ClientError::Transport { .. })) => {
            hangs && only_on_v1 && error.is_retryable() && error.is_the_accounts()
        }
        Err(_) => false,
    }
}
