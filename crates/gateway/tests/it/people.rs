//! Users of the tests: made as the command makes them, or by an administrator; logged in as a person does.

use domain::OrganizationId;
use gateway::Permission;
use gateway::users::{self, NewAdmin};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::harness::{Answer, Gateway, World, send};

pub const PASSWORD: &str = "correct horse battery";
pub const ME: &str = "/api/v1/auth/me";

/// Tokens of one login.
#[derive(Debug, Clone)]
pub struct Session {
    pub access: String,
    pub refresh: String,
}

impl World {
    /// An administrator with the usual password.
    pub async fn admin(&self, username: &str, organization: Option<OrganizationId>) -> Uuid {
        let new = NewAdmin {
            username: username.to_owned(),
            email: format!("{username}@example.org"),
            full_name: None,
            organization,
        };
        users::create_admin(&self.db, new, PASSWORD.to_owned().into())
            .await
            .unwrap()
    }

    /// A key that manages users and whatever else there is.
    pub async fn admin_key(&self) -> String {
        self.key_for(&[Permission::Admin], None).await
    }

    /// The rows of the audit log with this action: actor, subject and details.
    pub async fn audited(&self, action: &str) -> Vec<(String, String, Value)> {
        sqlx::query_as(
            "SELECT actor_kind || ':' || actor_id, subject, details FROM audit_log WHERE action = $1 ORDER BY id",
        )
        .bind(action)
        .fetch_all(self.db.pool())
        .await
        .unwrap()
    }

    /// Every row of every table of identity, as text.
    pub async fn everything_stored(&self) -> String {
        let mut all = String::new();
        for table in ["users", "sessions", "refresh_tokens", "api_keys", "audit_log"] {
            let query = format!("SELECT coalesce(json_agg(t)::text, '') FROM {table} t");
            let text: String = sqlx::query_scalar(AssertSqlSafe(query))
                .fetch_one(self.db.pool())
                .await
                .unwrap();
            all.push_str(&text);
        }
        all
    }
}

impl Gateway {
    /// Without credentials.
    pub async fn say(&self, path: &str, body: Value) -> Answer {
        send(self.request("POST", path).json(&body)).await
    }

    pub async fn try_login(&self, name: &str, password: &str) -> Answer {
        let body = json!({ "username": name, "password": password });
        self.say("/api/v1/auth/login", body).await
    }

    pub async fn login(&self, name: &str) -> Session {
        let answer = self.try_login(name, PASSWORD).await.expect(200);
        session(&answer)
    }

    pub async fn refresh(&self, token: &str) -> Answer {
        let body = json!({ "refresh_token": token });
        self.say("/api/v1/auth/refresh", body).await
    }

    /// With an access token; `Null` sends no body.
    pub async fn ask(&self, method: &str, path: &str, token: &str, body: Value) -> Answer {
        let request = self.request(method, path).bearer_auth(token);
        if body.is_null() {
            send(request).await
        } else {
            send(request.json(&body)).await
        }
    }

    pub async fn me(&self, token: &str) -> Answer {
        self.ask("GET", ME, token, Value::Null).await
    }

    /// A user of this role, made by whoever has the key.
    pub async fn make_user(&self, key: &str, username: &str, role: &str, organization: Option<Uuid>) -> Uuid {
        let body = json!({
            "username": username, "email": format!("{username}@example.org"), "password": PASSWORD, "role": role,
            "organization_id": organization,
        });
        let answer = self.post("/api/v1/users", key, body).await.expect(201);
        answer.body["data"]["id"].as_str().unwrap().parse().unwrap()
    }
}

pub fn session(answer: &Answer) -> Session {
    let data = &answer.body["data"];
    let text = |name: &str| data[name].as_str().unwrap().to_owned();
    Session {
        access: text("access_token"),
        refresh: text("refresh_token"),
    }
}

/// The names of the fields that were not accepted.
pub fn bad_fields(answer: &Answer) -> Vec<&str> {
    let fields = answer.body["error"]["details"]["fields"].as_array();
    let mut names: Vec<_> = fields
        .into_iter()
        .flatten()
        .map(|field| field["field"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    names
}
