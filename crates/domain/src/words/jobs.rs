//! The words of bulk jobs.

use super::words;

words! {
    /// What a job does with each of its SIMs.
    JobKind {
        /// The same change for all.
        Update = "sims.update",
        /// Each line of a file its own change.
        Import = "sims.import",
        /// To another organisation of the customer at 1NCE.
        Transfer = "sims.transfer",
        /// More years, which cost money.
        Extension = "sims.extension",
    }
}

words! {
    /// Where a job stands.
    JobStatus {
        /// Its lines come in.
        Uploading = "uploading",
        /// It waits to be begun.
        Queued = "queued",
        /// Its items are worked on.
        Running = "running",
        /// Nothing more is begun for now.
        Paused = "paused",
        /// Every item has an outcome.
        Completed = "completed",
        /// Nothing more is begun; what was begun still gets its outcome.
        Cancelled = "cancelled",
        /// The job as a whole could not be carried out, or each of its items failed. Nothing more is begun; what was begun
        /// still gets its outcome.
        Failed = "failed",
    }
}

words! {
    /// What is asked of a job as a whole.
    JobAction {
        /// Begin nothing more for now.
        Pause = "pause",
        /// Go on.
        Resume = "resume",
        /// Begin nothing more.
        Cancel = "cancel",
    }
}

words! {
    /// What became of one item of a job.
    ItemOutcome {
        /// Nothing yet.
        Pending = "pending",
        /// It is as was wanted.
        Succeeded = "succeeded",
        /// It was so before.
        Unchanged = "unchanged",
        /// Its code and message say why.
        Failed = "failed",
        /// 1NCE was asked and nobody knows what it did.
        Uncertain = "uncertain",
        /// The job was cancelled before.
        Cancelled = "cancelled",
    }
}

impl JobStatus {
    /// The status after an action; `None` when a job of this status does not allow it. `has_started` tells whether its
    /// items were worked on before.
    pub const fn after(self, action: JobAction, has_started: bool) -> Option<Self> {
        match (action, self) {
            (JobAction::Pause, Self::Queued | Self::Running | Self::Paused) => Some(Self::Paused),
            (JobAction::Resume, Self::Paused) if has_started => Some(Self::Running),
            (JobAction::Resume, Self::Paused | Self::Queued) => Some(Self::Queued),
            (JobAction::Resume, Self::Running) => Some(Self::Running),
            (
                JobAction::Cancel,
                Self::Uploading | Self::Queued | Self::Running | Self::Paused | Self::Cancelled,
            ) => Some(Self::Cancelled),
            _ => None,
        }
    }

    /// Whether nothing more happens: a cancelled or failed job may still settle what it has begun.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_possible_once_and_a_second_time_changes_nothing() {
        for (status, action) in JobStatus::ALL
            .into_iter()
            .flat_map(|status| JobAction::ALL.map(|action| (status, action)))
        {
            for started in [false, true] {
                let Some(after) = status.after(action, started) else {
                    continue;
                };
                assert!(!status.is_final(), "{status} {action}");
                // A job that is running has started.
                let started = started || after == JobStatus::Running;
                assert_eq!(after.after(action, started), Some(after), "{status} {action}");
            }
        }
    }

    #[test]
    fn a_job_resumes_where_it_was() {
        assert_eq!(
            JobStatus::Paused.after(JobAction::Resume, true),
            Some(JobStatus::Running)
        );
        assert_eq!(
            JobStatus::Paused.after(JobAction::Resume, false),
            Some(JobStatus::Queued)
        );
        assert_eq!(JobStatus::Cancelled.after(JobAction::Resume, true), None);
    }
}
