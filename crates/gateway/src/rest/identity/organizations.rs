use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::ORGANIZATION;
use crate::app::identity::organizations::{self, NewOrganization};
use crate::error::ApiError;
use crate::rest::frame::authenticate::{AdminUsers, Anybody};
use crate::rest::frame::fields::{Name, Slug};
use crate::rest::frame::page::AfterId;
use crate::rest::frame::{Body, Call, Created, Listed, Once, Operation, Query, fields, operations, view};
use crate::store::identity::organizations::OrganizationRow;

pub fn operations() -> Vec<Operation> {
    operations![list_organizations, create_organization]
}

view! {
    /// Whose SIMs, users and keys they are.
    pub struct OrganizationView from OrganizationRow as organization {
        id: Uuid = ORGANIZATION,
        name: String = "Acme",
        slug: String = "acme",
        created_at: DateTime<Utc>,
    }
}

fields! {
    /// A new organization.
    pub struct NewOrganizationBody {
        name: Name = "Acme",
        slug: Slug = "acme",
    }
}

/// A page of organizations
///
/// The oldest first. An organization's caller sees its own.
#[utoipa::path(get, path = "/api/v1/organizations", tag = "Organizations")]
async fn list_organizations(
    call: Call<Anybody>,
    Query(page): Query<AfterId>,
) -> Result<Listed<OrganizationView>, ApiError> {
    let (after, limit) = (page.after(), page.limit());
    let found = call
        .run(|gateway, context| async move { organizations::list(&gateway, &context, after, limit).await });
    Ok(page.cut(found.await?, |row| row.id.0))
}

/// Make an organization
///
/// Only for callers of the whole platform.
#[utoipa::path(post, path = "/api/v1/organizations", tag = "Organizations")]
async fn create_organization(
    call: Call<AdminUsers>,
    body: Body<NewOrganizationBody>,
) -> Result<Once<Created<OrganizationView>>, ApiError> {
    let new = NewOrganization {
        name: body.value.name.0,
        slug: body.value.slug.0,
    };
    call.once(&body.bytes, move |call, _| async move {
        let made = call.run(|gateway, context| organizations::create(gateway, context, new));
        Ok(Created(made.await?.into()))
    })
    .await
}
