use std::sync::Arc;

use domain::OrganizationId;

use crate::app::{Gateway, RequestContext};
use crate::error::{ApiCode, ApiError};
use crate::store::identity::organizations;

/// Whether SIMs can be given to this organization: it must exist. To the key of one organization other organizations do
/// not exist, so it is refused without a look.
pub async fn can_receive(
    gateway: Arc<Gateway>,
    context: RequestContext,
    organization: OrganizationId,
) -> Result<bool, ApiError> {
    if context.principal.organization.is_some() {
        let message = "only a key of the whole platform gives SIMs to an organization";
        return Err(ApiError::new(ApiCode::Forbidden, message));
    }
    let look = organizations::exists(gateway.db.orm(), organization);
    tokio::time::timeout(gateway.audit_limit, look)
        .await
        .map_err(|silence| ApiError::database(&silence))?
        .map_err(|error| ApiError::database(&error))
}
