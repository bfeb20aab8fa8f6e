//! Bodies that name the organization that SIMs are given to.

use std::sync::Arc;

use domain::OrganizationId;
use serde_json::Value;

use crate::app::{Gateway, RequestContext, jobs};
use crate::error::ApiError;
use crate::rest::frame::faults::Faults;
use crate::rest::frame::fields::Field;

/// Adds to the faults when SIMs cannot be given to the organization that is named at this place. What is no id at all is
/// the field's own fault.
pub async fn check(
    organization: Option<&Value>,
    at: &str,
    gateway: &Arc<Gateway>,
    context: &RequestContext,
    faults: &mut Faults,
) -> Result<(), ApiError> {
    let Some(organization) = organization.and_then(OrganizationId::read) else {
        return Ok(());
    };
    let answer = jobs::can_receive(Arc::clone(gateway), context.clone(), organization);
    if !gateway.on_main(answer).await? {
        faults.add(at, "is the id of no organization");
    }
    Ok(())
}
