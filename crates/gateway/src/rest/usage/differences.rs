//! Days on which stream and API differ.

use messages::pb::usage as pb;
use messages::{Timestamp, usage_rpc};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::params::{DAYS, Length, Period};
use crate::app::LONG_READ_LIMIT;
use crate::error::ApiError;
use crate::rest::frame::authenticate::ReadUsage;
use crate::rest::frame::example::TIME;
use crate::rest::frame::fields::{Cursor, Day, PageSize};
use crate::rest::frame::{Call, Example, Listed, Operation, Query, fields, operations};

pub fn operations() -> Vec<Operation> {
    operations![list_usage_differences]
}

fields! {
    /// Days on which stream and API differ.
    pub struct DifferencesParams {
        /// First day (UTC); 35 days up to the last one when it is left out. At most 731 days.
        start_date: Option<Day>,
        /// Last day, included; today when it is left out.
        end_date: Option<Day>,
        page_size: PageSize,
        /// `next_cursor` of an earlier answer.
        cursor: Cursor,
    }
}

/// A closed day on which stream and API differ.
#[derive(Debug, Serialize, ToSchema)]
pub struct DayDifferenceView {
    iccid: String,
    #[schema(format = Date)]
    date: String,
    stream: DayNumbersView,
    api: DayNumbersView,
    data_records: u32,
    /// Bytes that rounding explains: Platform 2.0 bills each session in whole KB.
    tolerance: u64,
    /// When the API was read.
    #[schema(value_type = Option<String>, format = DateTime)]
    read_at: Option<Timestamp>,
    /// Which of the two counts, and what it may come from.
    explanation: String,
}

/// What one of the two told.
#[derive(Debug, Serialize, ToSchema)]
pub struct DayNumbersView {
    total_volume: u64,
    sms_mo: u32,
    sms_mt: u32,
}

impl From<pb::DayDifference> for DayDifferenceView {
    fn from(day: pb::DayDifference) -> Self {
        let explanation = explanation(&day);
        Self {
            iccid: day.iccid,
            date: day.day,
            stream: DayNumbersView {
                total_volume: day.stream_total,
                sms_mo: day.stream_sms_mo,
                sms_mt: day.stream_sms_mt,
            },
            api: DayNumbersView {
                total_volume: day.api_total,
                sms_mo: day.api_sms_mo,
                sms_mt: day.api_sms_mt,
            },
            data_records: day.data_records,
            tolerance: day.tolerance,
            read_at: day.read_at,
            explanation,
        }
    }
}

fn explanation(day: &pb::DayDifference) -> String {
    let text = if day.api_total > day.stream_total + day.tolerance {
        "1NCE's API tells more than the stream brought and rounding up to a KB per record explains: records are \
         missing in the stream, and the API's number counts"
    } else if day.api_total < day.stream_total {
        "1NCE's API tells less than the stream brought: it lags or was corrected, and the stream's number counts"
    } else {
        "the volumes agree but for rounding; the counts of SMS differ, and the larger one counts"
    };
    text.to_owned()
}

impl Example for DayDifferenceView {
    fn example() -> Value {
        json!({
            "iccid": "8988999000000000017", "date": "2026-06-30",
            "stream": { "total_volume": 100000, "sms_mo": 1, "sms_mt": 0 },
            "api": { "total_volume": 262144, "sms_mo": 1, "sms_mt": 0 },
            "data_records": 2, "tolerance": 2048, "read_at": TIME,
            "explanation": "1NCE's API tells more than the stream brought and rounding up to a KB per record explains: \
                            records are missing in the stream, and the API's number counts",
        })
    }
}

/// Days on which stream and API differ
///
/// Closed days whose numbers differ by more than rounding up to a KB per record explains.
#[utoipa::path(get, path = "/api/v1/usage/differences", tag = "Usage")]
async fn list_usage_differences(
    call: Call<ReadUsage>,
    Query(params): Query<DifferencesParams>,
) -> Result<Listed<DayDifferenceView>, ApiError> {
    let length = Length { default: 35, ..DAYS };
    let period = Period::new(params.start_date, params.end_date, length)?;
    let page_size = params.page_size.get();
    let answer = call
        .ask_within::<usage_rpc::Differences>(LONG_READ_LIMIT, |scope| pb::DifferencesRequest {
            scope: Some(scope),
            start_date: period.start.to_string(),
            end_date: period.end.to_string(),
            page_size,
            cursor: params.cursor.0,
        })
        .await?;
    Ok(Listed {
        rows: answer.days.into_iter().map(DayDifferenceView::from).collect(),
        page_size,
        next_cursor: answer.next_cursor,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_says_which_number_counts() {
        let day = |stream_total, api_total| pb::DayDifference {
            stream_total,
            api_total,
            tolerance: 1024,
            ..pb::DayDifference::default()
        };
        assert!(explanation(&day(0, 5000)).contains("API's number counts"));
        assert!(explanation(&day(5000, 0)).contains("stream's number counts"));
        assert!(explanation(&day(5000, 5500)).contains("SMS"));
    }
}
