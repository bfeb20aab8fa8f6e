use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::HeaderName;
use actix_web::{FromRequest, HttpRequest, web};

use super::params::pairs;
use super::rate;
use super::request::{RequestId, client_addr};
use crate::app::{Asker, Gateway};
use crate::auth::{KeyRefusal, Permission};
use crate::error::{ApiCode, ApiError};

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// What a route asks for; the type stands in the handler's arguments, so no handler forgets it.
pub trait Needs: 'static {
    /// The permission; `None` where every known caller may ask.
    const PERMISSION: Option<Permission>;
}

macro_rules! needs {
    ($($(#[$doc:meta])* $name:ident => $permission:expr),+ $(,)?) => {
        $($(#[$doc])*
        pub struct $name;

        impl Needs for $name {
            const PERMISSION: Option<Permission> = $permission;
        })+
    };
}

needs! {
    /// Whoever is known.
    Anybody => None,
    /// See SIMs.
    ReadSims => Some(Permission::ReadSims),
    /// Change SIMs.
    WriteSims => Some(Permission::WriteSims),
    /// See usage and events.
    ReadUsage => Some(Permission::ReadUsage),
    /// Order at 1NCE.
    ManageOrders => Some(Permission::ManageOrders),
    /// Users, keys and organizations.
    AdminUsers => Some(Permission::AdminUsers),
    /// See the audit log.
    ReadAudit => Some(Permission::ReadAudit),
}

/// A caller whose key is good and has the permission.
pub struct Authenticated<N: Needs>(pub Asker, PhantomData<N>);

impl<N: Needs> FromRequest for Authenticated<N> {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let Some(gateway) = request.app_data::<web::Data<Gateway>>() else {
                return Err(ApiError::internal(&"the gateway is not among the app's data"));
            };
            let outcome = authenticate(gateway, &request, N::PERMISSION, true).await;
            gateway.auth_counts.note(&outcome);
            outcome.map(|asker| Self(asker, PhantomData))
        })
    }
}

/// Whether a caller who was let in still would be. Such a look is no use of the key.
pub async fn still_allowed<N: Needs>(request: &HttpRequest) -> Result<Asker, ApiError> {
    let Some(gateway) = request.app_data::<web::Data<Gateway>>() else {
        return Err(ApiError::internal(&"the gateway is not among the app's data"));
    };
    authenticate(gateway, request, N::PERMISSION, false).await
}

async fn authenticate(
    gateway: &Gateway,
    request: &HttpRequest,
    needed: Option<Permission>,
    is_use: bool,
) -> Result<Asker, ApiError> {
    let invalid = || {
        ApiError::new(
            ApiCode::InvalidApiKey,
            "the API key is unknown, expired or revoked",
        )
    };
    let in_query = gateway
        .config
        .allow_query_key
        .then(|| query_key(request))
        .flatten();
    let key = match (request.headers().get(X_API_KEY), &in_query) {
        (Some(header), _) => header.to_str().map_err(|_| invalid())?,
        (None, Some(key)) => key,
        (None, None) => {
            let message = "send an API key in the header X-API-Key";
            return Err(ApiError::new(ApiCode::Unauthorized, message));
        }
    };
    let verified = if is_use {
        gateway.keys.verify(key).await
    } else {
        gateway.keys.check(key).await
    };
    let principal = verified.map_err(|refusal| match refusal {
        KeyRefusal::Invalid => invalid(),
        KeyRefusal::Unknown => ApiError::new(ApiCode::Unavailable, "the API key cannot be checked now"),
    })?;
    if is_use {
        rate::take(gateway, request, &principal).await?;
    }
    if let Some(needed) = needed.filter(|needed| !principal.may(*needed)) {
        let message = format!("the API key lacks the scope {needed}");
        return Err(ApiError::new(ApiCode::Forbidden, message));
    }
    Ok(Asker {
        principal,
        request_id: RequestId::of_request(request),
        remote_addr: client_addr(gateway, request),
    })
}

fn query_key(request: &HttpRequest) -> Option<String> {
    let pairs = pairs(request.query_string())?;
    pairs
        .into_iter()
        .find(|(name, _)| name == super::params::API_KEY)
        .map(|(_, key)| key)
}
