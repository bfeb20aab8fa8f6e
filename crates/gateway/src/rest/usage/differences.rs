//! Days on which stream and API differ.

use messages::pb::usage as pb;
use messages::{Timestamp, usage_rpc};
use serde_json::json;

use super::params::{DAYS, Length, Period};
use crate::app::LONG_READ_LIMIT;
use crate::error::ApiError;
use crate::rest::frame::authenticate::ReadUsage;
use crate::rest::frame::example::TIME;
use crate::rest::frame::fields::{Cursor, Day, PageSize};
use crate::rest::frame::view::ToldDay;
use crate::rest::frame::{Call, Listed, Operation, Query, fields, operations, view};

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

view! {
    /// A closed day on which stream and API differ.
    pub struct DayDifferenceView from pb::DayDifference as day {
        iccid: String = "8988999000000000017",
        date: ToldDay => ToldDay(day.day.clone()),
        stream: DayNumbersView = json!({ "total_volume": 100_000, "sms_mo": 1, "sms_mt": 0 }) => DayNumbersView {
            total_volume: day.stream_total,
            sms_mo: day.stream_sms_mo,
            sms_mt: day.stream_sms_mt,
        },
        api: DayNumbersView => DayNumbersView {
            total_volume: day.api_total,
            sms_mo: day.api_sms_mo,
            sms_mt: day.api_sms_mt,
        },
        data_records: u32 = 2,
        /// Bytes that rounding explains: Platform 2.0 bills each session in whole KB.
        tolerance: u64 = 2048,
        /// When the API was read.
        read_at: Option<Timestamp> = TIME,
        /// Which of the two counts, and what it may come from.
        explanation: String = THE_STREAM_LACKS => explanation(&day).to_owned(),
    }
}

view! {
    /// What one of the two told.
    pub struct DayNumbersView {
        total_volume: u64 = 262_144,
        sms_mo: u32 = 1,
        sms_mt: u32,
    }
}

const THE_STREAM_LACKS: &str = "1NCE's API tells more than the stream brought and rounding up to a KB per record \
     explains: records are missing in the stream, and the API's number counts";

fn explanation(day: &pb::DayDifference) -> &'static str {
    if day.api_total > day.stream_total + day.tolerance {
        THE_STREAM_LACKS
    } else if day.api_total < day.stream_total {
        "1NCE's API tells less than the stream brought: it lags or was corrected, and the stream's number counts"
    } else {
        "the volumes agree but for rounding; the counts of SMS differ, and the larger one counts"
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
    Ok(Listed::of(answer.days, page_size, answer.next_cursor))
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
