use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use actix_web::{FromRequest, HttpRequest, web};

use super::query::{API_KEY, any_pairs};
use super::rate;
use super::request_id::{RequestId, client_addr};
use crate::app::{Gateway, RequestContext};
use crate::auth::{Permission, Principal, Refusal};
use crate::error::{ApiCode, ApiError};

pub const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

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

/// A caller whose key or access token is good and has the permission.
pub struct Authenticated<N: Needs>(pub RequestContext, PhantomData<N>);

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
            let headers = request.headers();
            let named = headers.contains_key(X_API_KEY) || headers.contains_key(AUTHORIZATION);
            gateway.auth_counts.note(&outcome, named);
            outcome.map(|context| Self(context, PhantomData))
        })
    }
}

pub async fn authenticate(
    gateway: &Gateway,
    request: &HttpRequest,
    needed: Option<Permission>,
    is_use: bool,
) -> Result<RequestContext, ApiError> {
    let in_query = gateway
        .config
        .keys
        .allow_query_key
        .then(|| query_key(request))
        .flatten();
    let key = request.headers().get(X_API_KEY).map(HeaderValue::as_bytes);
    let key = key.or(in_query.as_deref().map(str::as_bytes));
    let principal = match (key, request.headers().get(AUTHORIZATION)) {
        (Some(_), Some(_)) => {
            let message = "send either X-API-Key or Authorization, not both";
            return Err(ApiError::new(ApiCode::Unauthorized, message));
        }
        (Some(key), None) => of_key(gateway, key, is_use).await?,
        (None, Some(authorization)) => of_token(gateway, authorization.as_bytes()).await?,
        (None, None) => {
            let message =
                "send an API key in the header X-API-Key, or an access token in Authorization: Bearer";
            return Err(ApiError::new(ApiCode::Unauthorized, message));
        }
    };
    if is_use {
        rate::take(gateway, request, &principal).await?;
    }
    if let Some(needed) = needed.filter(|needed| !principal.may(*needed)) {
        let message = format!("the caller lacks the permission {needed}");
        return Err(ApiError::new(ApiCode::Forbidden, message));
    }
    Ok(RequestContext {
        principal,
        request_id: RequestId::of_request(request),
        remote_addr: client_addr(gateway, request),
    })
}

async fn of_key(gateway: &Gateway, key: &[u8], is_use: bool) -> Result<Arc<Principal>, ApiError> {
    let verified = match std::str::from_utf8(key) {
        Ok(key) if is_use => gateway.keys.verify(key).await,
        Ok(key) => gateway.keys.check(key).await,
        Err(_) => Err(Refusal::Invalid),
    };
    verified.map_err(|refusal| match refusal {
        Refusal::Invalid => ApiError::new(
            ApiCode::InvalidApiKey,
            "the API key is unknown, expired or revoked",
        ),
        Refusal::Unknown => ApiError::new(ApiCode::Unavailable, "the API key cannot be checked now"),
    })
}

async fn of_token(gateway: &Gateway, authorization: &[u8]) -> Result<Arc<Principal>, ApiError> {
    let verified = match bearer(authorization) {
        Some(token) => gateway.identity.sessions.verify(token).await,
        None => Err(Refusal::Invalid),
    };
    verified.map_err(|refusal| match refusal {
        Refusal::Invalid => ApiError::new(
            ApiCode::Unauthorized,
            "the access token is unknown, expired or of an ended session",
        ),
        Refusal::Unknown => ApiError::new(ApiCode::Unavailable, "the access token cannot be checked now"),
    })
}

/// The token in `Bearer <token>`.
fn bearer(authorization: &[u8]) -> Option<&str> {
    let (scheme, token) = std::str::from_utf8(authorization).ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn query_key(request: &HttpRequest) -> Option<String> {
    let pairs = any_pairs(request.query_string())?;
    pairs
        .into_iter()
        .find(|(name, _)| name == API_KEY)
        .map(|(_, key)| key)
}
