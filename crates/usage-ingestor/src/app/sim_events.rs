//! Events of one SIM.

use chrono::{DateTime, Utc};
use domain::Iccid;
use messages::pb::usage::SimEventsRequest;

use super::App;
use super::differences::MAX_PAGE;
use super::event_types::EventFilter;
use crate::error::AppError;
use crate::store::Scope;
use crate::store::sim_events::{EventList, EventPosition, EventRow};

/// What is asked. The scope is part of its making.
#[derive(Debug, Clone)]
pub struct EventsQuery {
    scope: Scope,
    iccid: Iccid,
    list: EventList,
}

impl EventsQuery {
    /// Reads a request.
    ///
    /// # Errors
    /// [`AppError::Invalid`] names what cannot be used.
    pub fn new(scope: Scope, iccid: Iccid, request: &SimEventsRequest) -> Result<Self, AppError> {
        let filter = EventFilter::read(&request.event_type).ok_or_else(|| {
            let reason = "is a number of 1NCE, the word of a type, or one of connectivity, session, quota, sms, \
                          lifecycle, limit, security, other";
            AppError::field("type", reason)
        })?;
        if !(1..=MAX_PAGE).contains(&request.page_size) {
            return Err(AppError::field("page_size", "is 1 to 100"));
        }
        let after = match request.cursor.as_str() {
            "" => None,
            text => {
                let wrong = || AppError::field("cursor", "is none of this list");
                Some(EventPosition::read(text).ok_or_else(wrong)?)
            }
        };
        let list = EventList {
            from: time("from", &request.from)?,
            before: time("to", &request.to)?,
            kinds: filter.kinds,
            types: filter.types,
            types_are_excluded: filter.types_are_excluded,
            size: request.page_size,
            after,
        };
        Ok(Self { scope, iccid, list })
    }
}

fn time(field: &str, text: &str) -> Result<Option<DateTime<Utc>>, AppError> {
    if text.is_empty() {
        return Ok(None);
    }
    let time = DateTime::parse_from_rfc3339(text);
    let time = time.map_err(|_| AppError::field(field, "is a time as in RFC 3339"))?;
    Ok(Some(time.with_timezone(&Utc)))
}

impl App {
    /// The newest events, and the cursor behind them, which is empty on the last page.
    ///
    /// # Errors
    /// [`AppError::UnknownSim`]; the database's.
    pub async fn sim_events(&self, query: &EventsQuery) -> Result<(Vec<EventRow>, String), AppError> {
        let sim = self.store.visible_sim(query.scope, query.iccid).await?;
        let sim = sim.ok_or(AppError::UnknownSim)?;
        let (events, more) = self.store.sim_events(sim, &query.list).await?;
        let last = events.last().filter(|_| more);
        let cursor = last.map_or_else(String::new, |last| last.position().cursor());
        Ok((events, cursor))
    }
}
