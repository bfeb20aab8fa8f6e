//! The words of what 1NCE's API offers an account, and of what the end of its first generation changes.

use super::words;

words! {
    /// A generation of 1NCE's API.
    ApiGeneration {
        /// `/v1`, which 1NCE ends.
        V1 = "v1",
        /// `/v2`.
        V2 = "v2",
    }
}

words! {
    /// How a generation of the SIM API stands.
    GenerationState {
        /// It lists SIMs.
        Alive = "alive",
        /// It does not list SIMs any more, or the configuration switches it off.
        Gone = "gone",
        /// It does not answer, or fails; it may come back.
        Failing = "failing",
        /// 1NCE could not be asked.
        Unknown = "unknown",
    }
}

words! {
    /// How the last login at 1NCE ended.
    LoginResult {
        /// With a token.
        Ok = "ok",
        /// 1NCE refused the credentials: only others help.
        Refused = "refused",
        /// The token endpoint failed or could not be reached.
        Failed = "failed",
        /// There was none yet.
        Unknown = "unknown",
    }
}

words! {
    /// How sure it is that v2 of 1NCE's API has something.
    Certainty {
        /// Its published specification has it.
        Certain = "certain",
        /// 1NCE's public pages show its path.
        Documented = "documented",
        /// No public page shows it.
        Unknown = "unknown",
    }
}

words! {
    /// Something that 1NCE's API can do.
    ProviderCapability {
        /// List, read and change SIMs.
        Sims = "sims",
        /// Reset a connection.
        Reset = "reset",
        /// Read how a SIM is connected.
        Status = "status",
        /// Read what is left of data and SMS.
        Quota = "quota",
        /// Send and read SMS.
        Sms = "sms",
        /// Read events of a SIM.
        Events = "events",
        /// Top up one SIM.
        TopUp = "top_up",
        /// Read usage per day.
        Usage = "usage",
        /// Change many SIMs with one call.
        BulkUpdate = "bulk_update",
        /// Top up many SIMs with one order.
        BulkTopUp = "bulk_top_up",
        /// 1NCE's own automatic top-up.
        AutoTopUp = "auto_top_up",
        /// Prolong SIMs.
        Extension = "extension",
        /// Move SIMs to another organisation.
        Transfer = "transfer",
        /// Ask the visited network.
        ConnectivityInfo = "connectivity_info",
        /// Monthly limits of the account.
        Limits = "limits",
        /// Read and place orders.
        Orders = "orders",
        /// What can be ordered.
        Products = "products",
        /// Support cases.
        Support = "support",
    }
}

words! {
    /// What the end of v1 changes for something that 1NCE's API can do.
    Outlook {
        /// It runs through v2: nothing changes.
        Stays = "stays",
        /// It runs through v2 as 1NCE's pages show it; no call has proved it on this account yet.
        Expected = "expected",
        /// It runs through v1 and goes on through v2 by itself.
        Moves = "moves",
        /// Nobody knows yet whether v2 has it: the first use finds out.
        Untried = "untried",
        /// It runs through v1, and v2 lacks it.
        Ends = "ends",
        /// It is no part of the SIM API, and 1NCE does not say whether its v1 ends.
        Unconfirmed = "unconfirmed",
        /// Nobody offers it.
        Unavailable = "unavailable",
    }
}

words! {
    /// What people have to look after before v1 ends.
    ProviderTask {
        /// Credentials that v2 takes.
        Credentials = "credentials",
        /// A setting that keeps Simward from using v2.
        Generations = "generations",
        /// Streams of the Data Streamer 2.0.
        DataStreamer = "data_streamer",
        /// Monthly limits, which may end with v1.
        MonthlyLimits = "monthly_limits",
        /// Programs of one's own that call v1.
        OwnPrograms = "own_programs",
    }
}

words! {
    /// Whether a task is done, as far as Simward sees.
    TaskState {
        /// Nothing is left to do.
        Done = "done",
        /// It has to be done.
        Needed = "needed",
        /// Only people can see whether it is done.
        Check = "check",
    }
}

words! {
    /// What should worry whoever runs an account.
    ProviderWarning {
        /// v1 ends soon, and something still runs through it.
        V1Ends = "v1_ends",
        /// 1NCE refuses the credentials.
        LoginRefused = "login_refused",
        /// The login at 1NCE fails.
        LoginFailed = "login_failed",
    }
}
