/// The closed list of errors that cross the bus. The gateway maps each to one HTTP status in one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// The thing does not exist, or not for this caller.
    NotFound,
    /// Not an ICCID.
    InvalidIccid,
    /// Fields were not accepted; each is named.
    Validation,
    /// The present state does not allow it.
    Conflict,
    /// 1NCE failed or refused.
    Upstream,
    /// The request budget at 1NCE is used up.
    UpstreamRateLimited,
    /// 1NCE offers this call to the account in no API generation.
    CapabilityUnavailable,
    /// A server that we need does not answer.
    Unavailable,
    /// No answer before the caller's deadline.
    DeadlineExceeded,
    /// A fault of ours; the details are in the log only.
    Internal,
}

impl ErrorCode {
    /// Every code.
    pub const ALL: [Self; 10] = [
        Self::NotFound,
        Self::InvalidIccid,
        Self::Validation,
        Self::Conflict,
        Self::Upstream,
        Self::UpstreamRateLimited,
        Self::CapabilityUnavailable,
        Self::Unavailable,
        Self::DeadlineExceeded,
        Self::Internal,
    ];

    /// The word on the bus and in REST answers.
    pub fn word(self) -> &'static str {
        match self {
            Self::NotFound => "NOT_FOUND",
            Self::InvalidIccid => "INVALID_ICCID",
            Self::Validation => "VALIDATION_ERROR",
            Self::Conflict => "CONFLICT",
            Self::Upstream => "UPSTREAM_ERROR",
            Self::UpstreamRateLimited => "UPSTREAM_RATE_LIMITED",
            Self::CapabilityUnavailable => "CAPABILITY_UNAVAILABLE",
            Self::Unavailable | Self::DeadlineExceeded => "SERVICE_UNAVAILABLE",
            Self::Internal => "INTERNAL_ERROR",
        }
    }

    /// The code of a word; a word of a newer version is an internal error to this one.
    pub fn from_word(word: &str) -> Self {
        Self::ALL
            .into_iter()
            .find(|code| code.word() == word)
            .unwrap_or(Self::Internal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_survives_the_bus_except_that_a_late_answer_looks_like_a_missing_server() {
        for code in ErrorCode::ALL {
            let back = ErrorCode::from_word(code.word());
            let expected = if code == ErrorCode::DeadlineExceeded {
                ErrorCode::Unavailable
            } else {
                code
            };
            assert_eq!(back, expected);
        }
        assert_eq!(ErrorCode::from_word("FROM_THE_FUTURE"), ErrorCode::Internal);
    }
}
