//! What is said about the routes of identity.

use serde_json::{Value, json};
use utoipa::OpenApi;

use super::area::{Area, Example};
use super::docs_examples::{TIME, meta};
use super::{identity_keys, identity_sessions, identity_users};
use crate::error::ApiCode;

pub const AREA: Area = Area {
    routes: |config| {
        identity_sessions::routes(config);
        identity_users::routes(config);
        identity_keys::routes(config);
    },
    document: Document::openapi,
    request,
    success,
    failures,
};

const USER: &str = "019cf7a0-0000-7000-8000-000000000003";
const KEY: &str = "019cf7a0-0000-7000-8000-000000000004";
const ORGANIZATION: &str = "00000000-0000-0000-0000-000000000001";

#[derive(OpenApi)]
#[openapi(paths(
    identity_sessions::login,
    identity_sessions::refresh,
    identity_sessions::logout,
    identity_sessions::me,
    identity_sessions::change_password,
    identity_users::list_users,
    identity_users::get_user,
    identity_users::create_user,
    identity_users::update_user,
    identity_users::delete_user,
    identity_keys::list_keys,
    identity_keys::get_key,
    identity_keys::create_key,
    identity_keys::update_key,
    identity_keys::revoke_key
))]
struct Document;

fn request(route: &str) -> Option<Value> {
    Some(match route {
        "post /api/v1/auth/login" => json!({ "username": "ada", "password": "a long pass phrase" }),
        "post /api/v1/auth/refresh" => json!({ "refresh_token": refresh_token() }),
        "put /api/v1/auth/password" => {
            json!({ "current_password": "a long pass phrase", "new_password": "another pass phrase" })
        }
        "post /api/v1/users" => json!({
            "username": "ada", "email": "ada@example.org", "password": "a long pass phrase",
            "full_name": "Ada Lovelace", "role": "user", "organization_id": ORGANIZATION,
        }),
        "put /api/v1/users/{id}" => json!({ "role": "readonly", "is_active": true }),
        "post /api/v1/api-keys" => json!({
            "name": "dashboard", "scopes": ["read:sims", "read:usage"], "organization_id": ORGANIZATION,
            "rate_limit_per_minute": 600,
        }),
        "put /api/v1/api-keys/{id}" => {
            json!({ "scopes": ["read:sims"], "expires_at": "2030-01-01T00:00:00Z" })
        }
        _ => return None,
    })
}

fn success(route: &str) -> Option<Example> {
    let data = match route {
        "post /api/v1/auth/login" => {
            let mut data = tokens();
            data["user"] = user();
            data
        }
        "post /api/v1/auth/refresh" => tokens(),
        "post /api/v1/auth/logout" | "put /api/v1/auth/password" => json!({ "sessions_ended": 1 }),
        "get /api/v1/auth/me" => json!({
            "kind": "user", "id": USER, "username": "ada", "role": "readonly", "organization_id": ORGANIZATION,
            "permissions": ["read:sims", "read:usage"],
        }),
        "get /api/v1/users" => return Some(listed(user())),
        "get /api/v1/api-keys" => return Some(listed(key())),
        "post /api/v1/api-keys" => {
            let mut data = key();
            data["key"] = json!(format!("sw_abcdefgh_{}", "x".repeat(43)));
            data
        }
        route if route.ends_with("/users") || route.ends_with("/users/{id}") => user(),
        route if route.ends_with("/api-keys/{id}") => key(),
        _ => return None,
    };
    Some(Example::Data(data))
}

fn failures(route: &str) -> &'static [ApiCode] {
    match route {
        "post /api/v1/auth/login" | "put /api/v1/auth/password" => &[ApiCode::RateLimited],
        "post /api/v1/users"
        | "put /api/v1/users/{id}"
        | "delete /api/v1/users/{id}"
        | "put /api/v1/api-keys/{id}" => &[ApiCode::Conflict],
        _ => &[],
    }
}

fn listed(one: Value) -> Example {
    Example::Whole(json!({
        "success": true, "data": [one],
        "pagination": { "page_size": 50, "has_next": false, "next_cursor": null },
        "meta": meta(),
    }))
}

fn refresh_token() -> String {
    format!("swr_{}", "x".repeat(43))
}

fn tokens() -> Value {
    json!({
        "access_token": "header.payload.signature", "refresh_token": refresh_token(), "token_type": "Bearer",
        "expires_in": 1800,
    })
}

fn user() -> Value {
    json!({
        "id": USER, "username": "ada", "email": "ada@example.org", "full_name": "Ada Lovelace", "role": "user",
        "organization_id": ORGANIZATION, "is_active": true, "created_at": TIME, "last_login_at": TIME,
    })
}

fn key() -> Value {
    json!({
        "id": KEY, "name": "dashboard", "description": null, "scopes": ["read:sims", "read:usage"],
        "key_prefix": "abcdefgh", "organization_id": ORGANIZATION, "expires_at": null,
        "rate_limit_per_minute": 600, "rate_limit_per_hour": 1000, "last_used_at": null, "usage_count": 0,
        "is_active": true, "created_at": TIME, "created_by": "ada",
    })
}
