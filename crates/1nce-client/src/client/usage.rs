//! Usage per day and events (FACTS §7, §12).

use chrono::NaiveDate;
use domain::Iccid;

use super::OnceClient;
use super::call::{Call, Endpoint};
use crate::capability::{Capability, Generation, Offer};
use crate::error::ClientError;
use crate::lane::Lane;
use crate::model::{EventPage, Sort, Usage};
use crate::wire::{read_event_page, read_usage};

static USAGE: Endpoint = Endpoint::sims_get("GET /sims/{iccid}/usage");
static EVENTS: Endpoint = Endpoint::sims_get("GET /sims/{iccid}/events");

impl OnceClient {
    /// Usage per day, both days included; at most the last six months. Both dates are always sent, because 1NCE's
    /// default changed over time.
    pub async fn usage(
        &self,
        lane: Lane,
        iccid: Iccid,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<Usage, ClientError> {
        if from > to {
            return Err(ClientError::Invalid("the first day is after the last".into()));
        }
        let make = |_| {
            Call::new(&USAGE, lane, format!("/sims/{iccid}/usage"))
                .query("start_dt", from)
                .query("end_dt", to)
        };
        let untried = matches!(
            self.offer(Capability::Usage, lane).await?,
            Offer::Untried(Generation::V2)
        );
        let result = self.sims_call(Capability::Usage, make).await;
        let answer = match result {
            Err(error) if untried => return Err(self.judge_v2_usage(lane, iccid, error).await),
            other => other?.1,
        };
        if answer.is_empty() {
            return Err(ClientError::NotFound {
                endpoint: USAGE.name,
                request_id: answer.request_id,
            });
        }
        let usage = read_usage(&answer.body).map_err(|reason| answer.unreadable(&USAGE, reason))?;
        if untried {
            self.learn_v2_usage(true).await;
        }
        Ok(usage)
    }

    /// A refusal of the unconfirmed call: the endpoint is missing if 1NCE knows the SIM itself.
    async fn judge_v2_usage(&self, lane: Lane, iccid: Iccid, error: ClientError) -> ClientError {
        let missing = matches!(
            error,
            ClientError::NotFound { .. }
                | ClientError::Rejected {
                    status: 403 | 405 | 410 | 501,
                    ..
                }
        );
        if !missing || !matches!(self.get_sim(lane, iccid).await, Ok(Some(_))) {
            return error;
        }
        self.learn_v2_usage(false).await;
        ClientError::CapabilityUnavailable {
            capability: Capability::Usage,
            why: "v1 is gone and v2 has no usage".into(),
        }
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
            let call = Call::new(&EVENTS, lane, format!("/sims/{iccid}/events"))
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
                request_id: answer.request_id,
            });
        }
        let mut events =
            read_event_page(&answer.body).map_err(|reason| answer.unreadable(&EVENTS, reason))?;
        events.total = events.total.or(answer.total);
        events.total_pages = events.total_pages.or(answer.total_pages);
        Ok(events)
    }
}
