//! Answers of paths and generations that are gone.

use super::answer::Answer;
use super::arrival::Arrival;
use super::route::{Group, Route, Version};
use crate::config::{Generation, Manner, Settings};

/// Where a redirect to a page leads, on this server.
pub const PAGE: &str = "/api-v1-has-ended";

/// The answer of a path that is gone, in the manner that was chosen for it.
pub fn path(arrival: &Arrival, settings: &Settings, at: &str) -> Option<Answer> {
    let manner = settings.ended(&arrival.method, &arrival.path)?;
    let (server, _) = arrival.base_url.split_once(super::PREFIX)?;
    Some(match manner {
        Manner::NotFoundJson => Answer::gateway(404, "Not Found"),
        Manner::NotFoundHtml => Answer::html(404),
        Manner::GoneJson => gone(410),
        Manner::GoneHtml => Answer::html(410),
        Manner::Forbidden => Answer::gateway(403, "Missing Authentication Token"),
        Manner::Unauthorized => Answer::unauthorized(&arrival.told_path(settings), at),
        Manner::RedirectToPage => Answer::html(301).header("Location", format!("{server}{PAGE}")),
        Manner::RedirectToV2 => {
            let path = arrival.path.replacen("/v1/", "/v2/", 1);
            let query = Some(&arrival.query).filter(|query| !query.is_empty());
            let query = query.map(|query| format!("?{query}")).unwrap_or_default();
            Answer::empty(308).header("Location", format!("{server}{path}{query}"))
        }
        Manner::OkHtml => Answer::html(200),
        // Only a fault gets here: without one there is no answer.
        Manner::Hang => Answer::html(504),
    })
}

/// The answer of a generation that is gone.
pub fn generation(route: &Route, settings: &Settings) -> Option<Answer> {
    let v1_gone = settings.v1 == Generation::Retired;
    match (route.version, route.group) {
        (Version::V1, Group::Sims) if v1_gone => Some(gone(settings.v1_retired_status)),
        (Version::V1, _) if v1_gone && !settings.v1_orders_survive => Some(gone(settings.v1_retired_status)),
        (Version::V2, _) if settings.v2 == Generation::Retired => Some(Answer::gateway(404, "Not Found")),
        _ => None,
    }
}

fn gone(status: u16) -> Answer {
    Answer::gateway(status, "API version v1 is retired. Please use v2.")
}
