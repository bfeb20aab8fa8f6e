//! The SIMs that use most.

use std::sync::Arc;
use std::time::Duration;

use domain::TopBy;
use messages::pb::usage::TopUsageRequest;
use moka::future::Cache;
use service_runtime::bus::RpcError;

use super::usage_summary::MAX_DAYS_BY_SIM;
use super::{App, day_range};
use crate::error::AppError;
use crate::store::Scope;
use crate::store::top_usage::{TopQuery, TopRow};

const MAX_SIMS: u32 = 100;
/// How long an answer stands: finding it reads every SIM's days.
const KEPT: Duration = Duration::from_secs(60);
/// Answers kept, of at most a hundred SIMs each.
const ANSWERS: u64 = 1000;

/// Answers to questions for the SIMs that use most.
#[derive(Clone)]
pub struct TopAnswers(Cache<TopQuery, Arc<Vec<TopRow>>>);

impl Default for TopAnswers {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(ANSWERS).time_to_live(KEPT).build())
    }
}

/// Reads a request.
///
/// # Errors
/// [`AppError::Invalid`] names what cannot be used.
pub fn read(scope: Scope, request: &TopUsageRequest) -> Result<TopQuery, AppError> {
    let by = TopBy::from_word(&request.by)
        .ok_or_else(|| AppError::field("by", "is total, rx, tx, sms_mo or sms_mt"))?;
    if !(1..=MAX_SIMS).contains(&request.limit) {
        return Err(AppError::field("limit", "is 1 to 100"));
    }
    let range = day_range::read(&request.start_date, &request.end_date, MAX_DAYS_BY_SIM)?;
    Ok(TopQuery::new(
        scope,
        range,
        by,
        request.limit,
        request.tag.clone(),
    ))
}

impl App {
    /// The SIMs that use most. The answer to the same question is up to a minute old, and equal questions at the same
    /// time are asked once.
    ///
    /// # Errors
    /// The database's, in the form in which all that wait for the same answer can have it.
    pub async fn top_usage(&self, query: TopQuery) -> Result<Arc<Vec<TopRow>>, RpcError> {
        let find = async {
            let found = query.find(&self.store).await;
            found
                .map(Arc::new)
                .map_err(|error| RpcError::from(AppError::from(error)))
        };
        let answer = self.top.0.try_get_with_by_ref(&query, find).await;
        answer.map_err(|error| (*error).clone())
    }
}
