use std::collections::BTreeSet;

use utoipa::ToSchema;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{Ref, RefOr};

use crate::auth::Permission;
use crate::error::ApiCode;

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody, without credentials.
    Public,
    /// Every caller that is known.
    Known,
    /// Callers with this permission.
    Needs(Permission),
}

/// A schema under its component's name.
pub type Component = (String, RefOr<Schema>);

/// All that is said about an operation, gathered from its types.
pub struct Said {
    pub operation: Operation,
    pub access: Access,
    /// The codes that it may answer with.
    pub codes: BTreeSet<ApiCode>,
    /// The answers of success.
    pub successes: Vec<Success>,
    /// Whether a repeat with the same `Idempotency-Key` is done once.
    pub is_once: bool,
    pub components: Vec<Component>,
}

/// One answer of success.
pub struct Success {
    pub status: u16,
    pub description: &'static str,
    pub content_type: &'static str,
    pub schema: RefOr<Schema>,
    /// Each with its name; one stands alone.
    pub examples: Vec<(&'static str, serde_json::Value)>,
    /// Whether a GET carries an `ETag` and may be answered 304.
    pub revalidates: bool,
}

impl Said {
    /// What `#[utoipa::path]` says: tag, summary and description.
    pub fn new(operation: Operation) -> Self {
        Self {
            operation,
            access: Access::Public,
            codes: BTreeSet::new(),
            successes: Vec::new(),
            is_once: false,
            components: Vec::new(),
        }
    }

    pub fn may_fail(&mut self, codes: &[ApiCode]) {
        self.codes.extend(codes);
    }

    /// A reference to the component of `T`, which is described with all that it refers to.
    pub fn refer<T: ToSchema>(&mut self) -> RefOr<Schema> {
        self.components.extend(components_of::<T>());
        Ref::from_schema_name(T::name()).into()
    }
}

/// The component of `T` and those that it refers to.
pub fn components_of<T: ToSchema>() -> Vec<Component> {
    let mut components = vec![(T::name().into_owned(), T::schema())];
    T::schemas(&mut components);
    components
}
