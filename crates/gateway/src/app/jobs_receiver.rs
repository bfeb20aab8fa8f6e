use std::sync::Arc;

use domain::OrganizationId;

use super::{Gateway, RequestContext};
use crate::error::{ApiCode, ApiError};

/// Whether SIMs can be given to this organization: it must exist.
///
/// # Errors
/// For the key of one organization, to which other organizations do not exist; or the database's.
pub async fn can_receive(
    gateway: Arc<Gateway>,
    context: RequestContext,
    organization: OrganizationId,
) -> Result<bool, ApiError> {
    if context.principal.organization.is_some() {
        let message = "only a key of the whole platform gives SIMs to an organization";
        return Err(ApiError::new(ApiCode::Forbidden, message));
    }
    let query =
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM organizations WHERE id = $1)").bind(organization.0);
    tokio::time::timeout(gateway.audit_limit, query.fetch_one(gateway.db.pool()))
        .await
        .map_err(|silence| ApiError::database(&silence))?
        .map_err(|error| ApiError::database(&error))
}
