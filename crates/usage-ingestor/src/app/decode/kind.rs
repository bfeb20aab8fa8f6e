use domain::RejectKind;

use super::wire::RecordWire;

/// What a record is, told by its fields: streams of both kinds may share one URL (FACTS §15.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Usage,
    Event,
    /// A message that a device sent.
    SmsMo,
    /// What became of a message to a device.
    SmsReport,
    Unknown,
}

impl Kind {
    pub fn of(wire: &RecordWire<'_>) -> Self {
        if wire.event_type.is_some() {
            Self::Event
        } else if wire.traffic_type.is_some() && wire.volume.is_some() {
            Self::Usage
        } else if wire.submit_date.some().is_some() {
            if wire.status.is_some() && wire.payload.is_none() {
                Self::SmsReport
            } else {
                Self::SmsMo
            }
        } else {
            Self::Unknown
        }
    }

    /// What a rejected one is told as.
    pub fn rejected(self) -> RejectKind {
        match self {
            Self::Usage => RejectKind::Usage,
            Self::Event | Self::SmsMo | Self::SmsReport => RejectKind::Event,
            Self::Unknown => RejectKind::Unknown,
        }
    }
}
