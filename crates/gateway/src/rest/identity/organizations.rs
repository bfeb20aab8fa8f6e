use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::identity::organizations::{self, NewOrganization};
use crate::error::ApiError;
use crate::rest::frame::authenticate::{AdminUsers, Anybody};
use crate::rest::frame::example::TIME;
use crate::rest::frame::fields::{Name, Slug};
use crate::rest::frame::page::AfterId;
use crate::rest::frame::{Body, Call, Created, Example, Listed, Once, Operation, Query, fields, operations};
use crate::store::identity::organizations::OrganizationRow;

pub fn operations() -> Vec<Operation> {
    operations![list_organizations, create_organization]
}

/// Whose SIMs, users and keys they are.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrganizationView {
    id: Uuid,
    name: String,
    slug: String,
    created_at: DateTime<Utc>,
}

impl From<OrganizationRow> for OrganizationView {
    fn from(organization: OrganizationRow) -> Self {
        Self {
            id: organization.id.0,
            name: organization.name,
            slug: organization.slug,
            created_at: organization.created_at,
        }
    }
}

impl Example for OrganizationView {
    fn example() -> Value {
        json!({
            "id": "00000000-0000-0000-0000-000000000001", "name": "Acme", "slug": "acme", "created_at": TIME,
        })
    }
}

fields! {
    /// A new organization.
    pub struct NewOrganizationBody {
        name: Name,
        slug: Slug,
    }
}

impl Example for NewOrganizationBody {
    fn example() -> Value {
        json!({ "name": "Acme", "slug": "acme" })
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
