//! The words of usage.

use super::words;

words! {
    /// One of 1NCE's data streams.
    StreamKind {
        /// Usage records.
        Usage = "usage",
        /// Events of SIMs, and messages.
        Events = "events",
    }
}

words! {
    /// How a stream stands.
    StreamState {
        /// Nothing has come yet.
        Never = "never",
        /// It brings what it usually does.
        Flowing = "flowing",
        /// It is quiet where records were usual.
        Silent = "silent",
    }
}

words! {
    /// Who told the usage of a period.
    UsageSource {
        /// 1NCE's stream.
        Stream = "stream",
        /// 1NCE's API.
        Api = "api",
        /// Each of them a part.
        Mixed = "mixed",
        /// Nobody: there is none.
        None = "none",
    }
}

words! {
    /// What sums over the fleet are broken down by.
    UsageGroupBy {
        /// Days, UTC.
        Day = "day",
        /// Where the SIMs were.
        Country = "country",
        /// Whose network they used.
        Operator = "operator",
        /// The radio technology.
        Rat = "rat",
        /// The users' own words.
        Tag = "tag",
    }
}

words! {
    /// By what the most is meant.
    TopBy {
        /// Bytes in both directions.
        Total = "total",
        /// Bytes received.
        Rx = "rx",
        /// Bytes sent.
        Tx = "tx",
        /// Messages from the device.
        SmsMo = "sms_mo",
        /// Messages to the device.
        SmsMt = "sms_mt",
    }
}

words! {
    /// What an event of a SIM is about.
    EventCategory {
        /// Where it is and whether the network lets it in.
        Connectivity = "connectivity",
        /// Data sessions.
        Session = "session",
        /// Its volumes.
        Quota = "quota",
        /// Messages.
        Sms = "sms",
        /// Its activation and end.
        Lifecycle = "lifecycle",
        /// Limits of the account.
        Limit = "limit",
        /// Who got in, or did not.
        Security = "security",
        /// Everything else.
        Other = "other",
    }
}

words! {
    /// What a record that could not be read seems to be.
    RejectKind {
        /// A usage record.
        Usage = "usage",
        /// An event or a message.
        Event = "event",
        /// A row of an answer of 1NCE's API about usage, or the answer as a whole.
        Reading = "reading",
        /// Nobody can tell.
        Unknown = "unknown",
    }
}

words! {
    /// How usage read through v2 of 1NCE's API compares with v1's.
    ShadowOutcome {
        /// Every closed day tells the same, but for rounding.
        Agrees = "agrees",
        /// Some day or direction does not.
        Differs = "differs",
        /// v2 has no usage for this account.
        NotOffered = "not_offered",
        /// v2 answers something that is no usage as it is known.
        Unreadable = "unreadable",
    }
}
