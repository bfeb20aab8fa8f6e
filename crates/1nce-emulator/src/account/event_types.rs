//! What each type of event says about itself (FACTS §15.3).
//!
//! Where FACTS leaves a row open, the values are those of the sister platform (FACTS-2026-11 U6.1); types of which
//! nothing public shows a sample are marked as assumed.

/// Who an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// A SIM, with its IMSI and endpoint.
    Sim,
    /// A user of the portal or the API: no SIM, so only streams carry it.
    User,
    /// The whole organisation: no SIM, so only streams carry it.
    Organisation,
}

/// The fixed part of an event type.
#[derive(Debug, Clone, Copy)]
pub struct Traits {
    pub name: &'static str,
    /// 0 INFO, 1 WARN.
    pub severity: u32,
    /// 0 Network, 1 Policy Control, 2 API.
    pub source: u32,
    pub alert: bool,
    pub about: About,
    /// Whether the event names a user.
    pub user: bool,
}

const fn row(name: &'static str, severity: u32, source: u32, alert: bool) -> Traits {
    Traits {
        name,
        severity,
        source,
        alert,
        about: About::Sim,
        user: false,
    }
}

const fn of_user(name: &'static str, severity: u32) -> Traits {
    Traits {
        about: About::User,
        user: true,
        ..row(name, severity, 2, false)
    }
}

const fn of_organisation(name: &'static str) -> Traits {
    Traits {
        about: About::Organisation,
        ..row(name, 1, 2, false)
    }
}

/// A session that the network refused: warned of, and without details (FACTS-2026-11 U6.1).
pub const REFUSED_SESSION: Traits = row("Create PDP Context", 1, 1, true);

/// The traits of a type; an unknown one is told as generic.
pub fn traits(kind: u32) -> Traits {
    match kind {
        1 => row("Update location", 0, 0, false),
        2 => row("Update GPRS location", 0, 0, false),
        3 => row("Create PDP Context", 0, 0, false),
        4 => row("Update PDP Context", 0, 0, false),
        5 => row("Delete PDP Context", 0, 0, false),
        6 => of_user("User authentication failed", 1),
        // Assumed to be like 6.
        7 => of_user("Application authentication failed", 1),
        8 => row("SIM activation", 0, 2, false),
        9 => row("SIM suspension", 0, 2, false),
        // Assumed to be like 9.
        10 => row("SIM deletion", 0, 2, false),
        11 => row("Endpoint blocked", 1, 1, true),
        12 => row("Organization blocked", 1, 1, true),
        13 => of_user("Support access", 1),
        14 => of_user("Multi-factor authentication", 0),
        15 => row("Purge location", 0, 0, false),
        16 => row("Purge GPRS location", 0, 0, false),
        // Assumed to be like 14.
        17 => of_user("Self-signup", 0),
        18 => row("Data quota threshold reached", 1, 1, true),
        19 => row("Data quota used up", 1, 1, true),
        20 => row("SMS quota threshold reached", 1, 1, true),
        21 => row("SMS quota used up", 1, 1, true),
        // 29 is assumed to be like 30.
        29 => with_user(row("OpenVPN disconnect", 0, 2, false)),
        30 => with_user(row("OpenVPN authentication", 0, 2, false)),
        42 => row("Endpoint enabled", 0, 2, false),
        43 => row("Endpoint disabled", 0, 2, false),
        50 => row("SIM released", 0, 2, false),
        51 => row("SIM assigned", 0, 2, false),
        kind => of_quota(kind),
    }
}

const fn with_user(traits: Traits) -> Traits {
    Traits { user: true, ..traits }
}

/// Types that are about quotas, pools and ends.
fn of_quota(kind: u32) -> Traits {
    match kind {
        52 => of_organisation("Data quota enabled"),
        53 => of_organisation("Data quota disabled"),
        54 => of_organisation("SMS quota enabled"),
        55 => of_organisation("SMS quota disabled"),
        // The sister platform does not alert here; the samples of 1NCE do.
        56 => row("Data quota assigned", 0, 2, true),
        57 => row("Data quota deleted", 0, 2, true),
        58 => row("SMS quota assigned", 0, 2, true),
        59 => row("SMS quota deleted", 0, 2, true),
        60 => row("Data quota expired", 1, 1, true),
        // From here on assumed.
        61 => row("SMS quota expired", 1, 1, true),
        100 => row("Regional pool data quota used up", 1, 1, true),
        101 => row("Regional pool data quota threshold reached", 1, 1, true),
        102 => row("Regional pool SMS quota used up", 1, 1, true),
        103 => row("Regional pool SMS quota threshold reached", 1, 1, true),
        121 => row("Endpoint deleted", 0, 2, false),
        _ => row("Generic", 1, 0, true),
    }
}
