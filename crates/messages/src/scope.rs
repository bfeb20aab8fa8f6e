//! Whose data a request may touch, between the wire and the types inside.

use domain::{OrganizationId, Scope};
use uuid::Uuid;

use crate::pb::common::{Scope as WireScope, scope::Of};

impl From<Scope> for WireScope {
    fn from(scope: Scope) -> Self {
        let of = match scope {
            Scope::All => Of::WholePlatform(true),
            Scope::Organization(id) => Of::OrganizationId(id.to_string()),
        };
        Self { of: Some(of) }
    }
}

/// A scope on the wire that says nobody's data, or everybody's only by leaving something out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("names neither an organization nor the whole platform")]
pub struct InvalidScope;

impl TryFrom<WireScope> for Scope {
    type Error = InvalidScope;

    fn try_from(scope: WireScope) -> Result<Self, InvalidScope> {
        match scope.of {
            Some(Of::WholePlatform(true)) => Ok(Self::All),
            Some(Of::OrganizationId(id)) => match Uuid::parse_str(&id) {
                // All zeros stands for what belongs to no organization.
                Ok(id) if !id.is_nil() => Ok(Self::Organization(OrganizationId(id))),
                _ => Err(InvalidScope),
            },
            Some(Of::WholePlatform(false)) | None => Err(InvalidScope),
        }
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;

    #[test]
    fn a_scope_survives_the_wire() {
        for scope in [Scope::All, Scope::Organization(OrganizationId::DEFAULT)] {
            let bytes = WireScope::from(scope).encode_to_vec();
            let back = WireScope::decode(bytes.as_slice()).unwrap();
            assert_eq!(Scope::try_from(back), Ok(scope));
        }
    }

    #[test]
    fn the_whole_platform_is_said_and_never_left_out() {
        let silent = [
            None,
            Some(Of::WholePlatform(false)),
            Some(Of::OrganizationId(String::new())),
            Some(Of::OrganizationId(Uuid::nil().to_string())),
            Some(Of::OrganizationId("acme".to_owned())),
        ];
        for of in silent {
            assert_eq!(
                Scope::try_from(WireScope { of: of.clone() }),
                Err(InvalidScope),
                "{of:?}"
            );
        }
    }

    #[test]
    fn the_organization_of_an_older_caller_still_decodes() {
        let id = OrganizationId::DEFAULT.to_string();
        let recorded = [&[0x0a, 36], id.as_bytes()].concat();
        let decoded = WireScope::decode(recorded.as_slice()).unwrap();
        let expected = Scope::Organization(OrganizationId::DEFAULT);
        assert_eq!(Scope::try_from(decoded), Ok(expected));
    }
}
