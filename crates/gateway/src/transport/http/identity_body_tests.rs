use super::*;
use serde_json::json;

fn bad<T>(read: fn(Map<String, Value>, Faults) -> Result<T, ApiError>, body: Value) -> Vec<String> {
    let body = body.as_object().unwrap().clone();
    let Err(error) = read(body, Faults::default()) else {
        return Vec::new();
    };
    let mut names: Vec<_> = error.fields.into_iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    names
}

fn user() -> Value {
    json!({ "username": "ada", "email": "ada@example.org", "password": "correct horse", "role": "user" })
}

#[test]
fn a_login_names_a_user_one_way() {
    let password = "x";
    assert!(bad(login, json!({ "username": "ada", "password": password })).is_empty());
    assert!(bad(login, json!({ "email": "ada@example.org", "password": password })).is_empty());
    let both = json!({ "username": "ada", "email": "a@b.c", "password": password });
    assert_eq!(bad(login, both), ["email"]);
    assert_eq!(bad(login, json!({})), ["password", "username"]);
    assert_eq!(
        bad(login, json!({ "username": 1, "password": null, "x": 1 })),
        ["password", "username", "x"]
    );
}

#[test]
fn every_bad_field_of_a_user_is_named_at_once() {
    assert!(bad(new_user, user()).is_empty());
    let body = json!({
        "username": "Ada", "email": "ada", "password": "short", "full_name": "", "role": "root",
        "organization_id": "x", "is_active": "yes", "colour": "red",
    });
    let all = [
        "colour",
        "email",
        "full_name",
        "is_active",
        "organization_id",
        "password",
        "role",
        "username",
    ];
    assert_eq!(bad(new_user, body.clone()), all);
    assert_eq!(bad(update_user, body), all);
    assert_eq!(
        bad(new_user, json!({})),
        ["email", "password", "role", "username"]
    );
    assert_eq!(bad(update_user, json!({})), ["body"]);
}

#[test]
fn null_takes_a_field_of_a_user_away_and_absence_leaves_it() {
    let read = |body: Value| update_user(body.as_object().unwrap().clone(), Faults::default()).unwrap();
    let update = read(json!({ "full_name": null, "organization_id": null }));
    assert_eq!((update.full_name, update.organization), (Some(None), Some(None)));
    let update = read(json!({ "is_active": false }));
    assert_eq!((update.full_name, update.organization), (None, None));
}

#[test]
fn every_bad_field_of_a_key_is_named_at_once() {
    let body = json!({
        "name": " ", "description": 1, "scopes": ["read:sims", "read:everything"], "expires_at": "2020-01-01T00:00:00Z",
        "rate_limit_per_minute": 0, "rate_limit_per_hour": 1_000_000_001, "colour": "red",
    });
    let all = [
        "colour",
        "description",
        "expires_at",
        "name",
        "rate_limit_per_hour",
        "rate_limit_per_minute",
        "scopes",
    ];
    assert_eq!(bad(new_key, body.clone()), all);
    assert_eq!(bad(update_key, body), all);
    assert_eq!(bad(new_key, json!({ "name": "x", "scopes": [] })), ["scopes"]);
    let limits = json!({ "rate_limit_per_minute": 1_000_000, "rate_limit_per_hour": 1 });
    assert!(bad(update_key, limits).is_empty());
}

#[test]
fn an_organization_has_a_name_and_a_slug() {
    assert!(bad(new_organization, json!({ "name": "Acme", "slug": "acme-1" })).is_empty());
    assert_eq!(
        bad(new_organization, json!({ "name": "", "slug": "Acme" })),
        ["name", "slug"]
    );
}

#[test]
fn a_fault_does_not_repeat_a_password() {
    let body = json!({ "current_password": "x".repeat(200), "new_password": "hunter2" });
    let error = change_password(body.as_object().unwrap().clone(), Faults::default()).unwrap_err();
    assert_eq!(error.fields.len(), 2);
    assert!(!format!("{error:?}").contains("hunter2"));
}
