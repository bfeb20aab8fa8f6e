//! Support cases (FACTS §13).

use reqwest::Method;
use serde_json::json;

use super::OnceClient;
use super::call::{Call, Endpoint, Group};
use crate::capability::Capability;
use crate::error::ClientError;
use crate::lane::Lane;
use crate::model::{NewSupportCase, SupportPage};
use crate::retry::RetryClass;
use crate::wire::{array, read_list, read_support_case};

static LIST: Endpoint = Endpoint::new(
    "GET /support",
    Method::GET,
    Group::Support,
    RetryClass::Repeatable,
);
static CREATE: Endpoint = Endpoint::shop_action("POST /support", Group::Support);

fn list_call(lane: Lane, page: u32, page_size: u32) -> Call {
    Call::new(&LIST, lane, "/support")
        .query("page", page)
        .query("pageSize", page_size)
}

impl OnceClient {
    /// A page of support cases, from page 1, at most 100; 1NCE's own default of 1 is never used. A record that is no
    /// case is returned as a reject.
    pub async fn list_support(
        &self,
        lane: Lane,
        page: u32,
        page_size: u32,
    ) -> Result<SupportPage, ClientError> {
        if page == 0 || !(1..=100).contains(&page_size) {
            return Err(ClientError::Invalid(
                "pages count from 1 and hold 1 to 100 cases".into(),
            ));
        }
        let make = |_| list_call(lane, page, page_size);
        let (_, answer) = self.sims_call(Capability::Support, make).await?;
        let records = array(&answer.body).map_err(|reason| answer.unreadable(&LIST, reason))?;
        let is_last = records.len() < page_size as usize;
        let (cases, rejects) = read_list(records, read_support_case);
        Ok(SupportPage {
            cases,
            rejects,
            is_last,
        })
    }

    /// Opens a support case. 1NCE tells no number: find the case in the list.
    pub async fn create_support(&self, lane: Lane, case: &NewSupportCase) -> Result<(), ClientError> {
        let body = json!({
            "replyToMail": case.reply_to,
            "senderName": case.sender_name,
            "subject": case.subject,
            "text": case.text,
        });
        let call = Call::new(&CREATE, lane, "/support")
            .listed_by(list_call(lane, 1, 1))
            .body(body);
        self.sims_call(Capability::Support, |_| call.clone()).await?;
        Ok(())
    }
}
