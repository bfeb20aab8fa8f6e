//! Usage per day and events (FACTS §7, §12).

use chrono::NaiveDate;
use domain::Iccid;

use super::OnceClient;
use super::call::{Call, Endpoint};
use crate::capability::{Capability, Generation};
use crate::error::{ClientError, Teller};
use crate::http::Answer;
use crate::lane::Lane;
use crate::model::{EventPage, Sort, Usage};
use crate::wire::{Unreadable, read_event_page, read_usage};

static USAGE: Endpoint = Endpoint::sims_get("GET /sims/{iccid}/usage").reading(empty_or_usage);
static EVENTS: Endpoint = Endpoint::sims_get("GET /sims/{iccid}/events");

/// v2's shape is unconfirmed: rows that cannot be read are as good as no usage.
fn empty_or_usage(body: &[u8]) -> Result<(), Unreadable> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(());
    }
    read_usage(body).map(drop)
}

fn usage_call(lane: Lane, iccid: Iccid, from: NaiveDate, to: NaiveDate) -> Result<Call, ClientError> {
    if from > to {
        return Err(ClientError::Invalid("the first day is after the last".into()));
    }
    Ok(Call::of_sim(&USAGE, lane, iccid, "/usage")
        .query("start_dt", from)
        .query("end_dt", to))
}

impl OnceClient {
    /// Usage per day, both days included; at most the last six months. Both dates are always sent, because 1NCE's
    /// default changed over time. Rows of which none is a day are an error.
    ///
    /// # Errors
    /// [`ClientError::NotFound`] only when 1NCE does not know the SIM itself.
    pub async fn usage(
        &self,
        lane: Lane,
        iccid: Iccid,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<Usage, ClientError> {
        let call = usage_call(lane, iccid, from, to)?;
        let (_, answer) = self.sims_call(Capability::Usage, |_| call.clone()).await?;
        self.usage_of(lane, iccid, &answer).await
    }

    /// The same through one generation and no other: to compare what both tell while both live. What it teaches about
    /// the path is kept for all processes, as with any call.
    ///
    /// # Errors
    /// [`ClientError::CapabilityUnavailable`] when that generation has no usage; [`ClientError::Decode`] when it answers
    /// something else.
    pub async fn usage_in(
        &self,
        generation: Generation,
        lane: Lane,
        iccid: Iccid,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<Usage, ClientError> {
        let call = usage_call(lane, iccid, from, to)?;
        let answer = self.call_pinned(Capability::Usage, generation, &call).await?;
        self.usage_of(lane, iccid, &answer).await
    }

    /// An empty answer is v1's word for an unknown SIM, and believed only when 1NCE does not know it alone either.
    async fn usage_of(&self, lane: Lane, iccid: Iccid, answer: &Answer) -> Result<Usage, ClientError> {
        if answer.is_empty() && self.get_sim(lane, iccid).await?.is_none() {
            return Err(ClientError::NotFound {
                endpoint: USAGE.name,
                by: Teller::Nobody,
                request_id: answer.request_id.clone(),
            });
        }
        read_usage(&answer.body).map_err(|reason| answer.unreadable(&USAGE, reason))
    }

    /// Events of a SIM of the last 7 days, from page 1, at most 1000 a page.
    pub async fn events(
        &self,
        lane: Lane,
        iccid: Iccid,
        page: u32,
        page_size: u32,
    ) -> Result<EventPage, ClientError> {
        self.events_in_order(lane, iccid, page, page_size, None).await
    }

    /// The same, in another order on v1; v2 has no such parameter and keeps its own order (FACTS §4).
    pub async fn events_in_order(
        &self,
        lane: Lane,
        iccid: Iccid,
        page: u32,
        page_size: u32,
        sort: Option<&Sort>,
    ) -> Result<EventPage, ClientError> {
        if page == 0 || !(1..=1000).contains(&page_size) {
            return Err(ClientError::Invalid(
                "pages count from 1 and hold 1 to 1000 events".into(),
            ));
        }
        let make = |generation| {
            let call = Call::of_sim(&EVENTS, lane, iccid, "/events")
                .query("page", page)
                .query("pageSize", page_size);
            match sort {
                Some(sort) if generation == Generation::V1 => call.query("sort", sort),
                _ => call,
            }
        };
        let (_, answer) = self.sims_call(Capability::Events, make).await?;
        if answer.is_empty() {
            return Err(ClientError::NotFound {
                endpoint: EVENTS.name,
                by: Teller::Nobody,
                request_id: answer.request_id,
            });
        }
        let mut events =
            read_event_page(&answer.body, page_size).map_err(|reason| answer.unreadable(&EVENTS, reason))?;
        events.total = events.total.or(answer.total);
        events.total_pages = events.total_pages.or(answer.total_pages);
        Ok(events)
    }
}
