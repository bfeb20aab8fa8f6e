use chrono::NaiveDate;
use domain::DataVolume;

use super::{Extra, RejectedRecord};

/// Data of one day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DataUsage {
    /// Both directions.
    pub total: DataVolume,
    /// Sent by the device.
    pub tx: DataVolume,
    /// Received by the device.
    pub rx: DataVolume,
}

/// SMS of one day. 1NCE's API calls MO `rx` and MT `tx`, its stream the other way round (FACTS §7).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SmsUsage {
    /// Both directions.
    pub total: i64,
    /// Sent by the device.
    pub mo: i64,
    /// Received by the device.
    pub mt: i64,
}

/// What a SIM used on one day (UTC; the boundary is unconfirmed).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageDay {
    /// The day.
    pub date: NaiveDate,
    /// Data.
    pub data: DataUsage,
    /// SMS.
    pub sms: SmsUsage,
    /// The rest, without `cost`, `currency` and `traffic_type`, which say nothing (FACTS §7).
    pub extra: Extra,
}

/// Usage of a SIM, oldest day first, without 1NCE's `TOTAL` row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// One entry a day that 1NCE answered.
    pub days: Vec<UsageDay>,
    /// Rows that are no day.
    pub rejects: Vec<RejectedRecord>,
}
