//! Who asks for the right to call: a lane, and in the interactive one the organization where it is known.

use domain::OrganizationId;

use crate::lane::Lane;

tokio::task_local! {
    static ORGANIZATION: Option<OrganizationId>;
}

/// Makes calls for an organization: those of the interactive lane take turns with the calls of other organizations,
/// and get at most its part of the budget while anybody else waits. Other lanes are not concerned.
///
/// It holds for what runs in this task. `None` is as if this was left out: such calls share one turn and have no bound.
pub async fn on_behalf_of<F: Future>(organization: Option<OrganizationId>, calls: F) -> F::Output {
    ORGANIZATION.scope(organization, calls).await
}

/// Those that stand in one queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Caller {
    pub lane: Lane,
    pub organization: Option<OrganizationId>,
}

impl Caller {
    /// Whoever runs this task.
    pub(super) fn of(lane: Lane) -> Self {
        let organization = match lane {
            Lane::Interactive => ORGANIZATION.try_with(|organization| *organization).ok().flatten(),
            Lane::Command | Lane::Bulk | Lane::Background => None,
        };
        Self { lane, organization }
    }
}
