//! Schemas and logins: a service's role reaches the tables of its own schema and nothing else.

use secrecy::ExposeSecret;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnectOptions;

use super::{Db, DbError};
use crate::config::{DatabaseConfig, is_empty};

/// Makes the schema and, where the service has a login of its own, that role.
///
/// # Errors
/// When the owner may not create schemas or roles.
pub async fn prepare_schema(
    owner: &Db,
    config: &DatabaseConfig,
    schema: &'static str,
) -> Result<(), DbError> {
    run(owner, format!("CREATE SCHEMA IF NOT EXISTS {}", quote(schema))).await?;
    let Some((role, password)) = own_login(config, schema)? else {
        return Ok(());
    };
    let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)")
        .bind(&role)
        .fetch_one(owner.pool())
        .await?;
    let verb = if exists { "ALTER" } else { "CREATE" };
    run(
        owner,
        format!(
            "{verb} ROLE {} LOGIN PASSWORD {}",
            quote(&role),
            literal(&password)
        ),
    )
    .await
}

/// Gives the service's role the tables that the migrations made, except what a table's comment rules out: after
/// `append-only` nobody changes or deletes a row, after `read-only` nobody adds one either.
pub(super) async fn grant(owner: &Db, config: &DatabaseConfig, schema: &'static str) -> Result<(), DbError> {
    let Some((role, _)) = own_login(config, schema)? else {
        return Ok(());
    };
    let restricted: Vec<(String, bool)> = sqlx::query_as(RESTRICTED)
        .bind(schema)
        .fetch_all(owner.pool())
        .await?;
    let (role, schema) = (quote(&role), quote(schema));
    let mut statements = vec![
        format!("GRANT USAGE ON SCHEMA {schema} TO {role}"),
        format!("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}"),
        format!("GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {role}"),
    ];
    for (table, read_only) in restricted {
        let rights = if read_only {
            "INSERT, UPDATE, DELETE"
        } else {
            "UPDATE, DELETE"
        };
        let table = quote(&table);
        statements.push(format!("REVOKE {rights} ON {schema}.{table} FROM {role}"));
    }
    // At once: a running service has the rights at no moment.
    let mut together = owner.pool().begin().await?;
    for statement in statements {
        sqlx::query(AssertSqlSafe(statement))
            .execute(&mut *together)
            .await?;
    }
    Ok(together.commit().await?)
}

/// Tables of a schema whose comment takes rights away; whether the right to insert is among them.
const RESTRICTED: &str = "SELECT c.relname::text, d.description LIKE 'read-only%' \
     FROM pg_class c JOIN pg_description d ON d.objoid = c.oid AND d.classoid = 'pg_class'::regclass AND d.objsubid = 0 \
     WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1) AND c.relkind IN ('r', 'p') \
     AND (d.description LIKE 'append-only%' OR d.description LIKE 'read-only%')";

/// User and password of the service's URL, unless it is the owner's.
fn own_login(config: &DatabaseConfig, schema: &'static str) -> Result<Option<(String, String)>, DbError> {
    let url = config.url_of(schema);
    if is_empty(url) || url.expose_secret() == config.url.expose_secret() {
        return Ok(None);
    }
    let invalid = |reason: &str| DbError::Login {
        schema,
        reason: reason.to_owned(),
    };
    let options: PgConnectOptions = url
        .expose_secret()
        .parse()
        .map_err(|_| invalid("its URL cannot be read"))?;
    let owner: PgConnectOptions = config
        .url
        .expose_secret()
        .parse()
        .map_err(|_| invalid("DATABASE_URL cannot be read"))?;
    if options.get_username() == owner.get_username() {
        return Ok(None);
    }
    let password = password_of(url.expose_secret()).ok_or_else(|| invalid("its URL has no password"))?;
    Ok(Some((options.get_username().to_owned(), password)))
}

/// The password between user and host; letters, digits, `-`, `_`, `.` and `~` only, so that no decoding is needed.
fn password_of(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let (login, _) = rest.rsplit_once('@')?;
    let (_, password) = login.split_once(':')?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.~".contains(c);
    (!password.is_empty() && password.chars().all(plain)).then(|| password.to_owned())
}

async fn run(owner: &Db, statement: String) -> Result<(), DbError> {
    // Names and the password are quoted above; PostgreSQL takes no parameters in these statements.
    sqlx::query(AssertSqlSafe(statement))
        .execute(owner.pool())
        .await?;
    Ok(())
}

fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_taken_only_when_it_needs_no_decoding() {
        assert_eq!(
            password_of("postgres://sim:a-B.9@host:1/d").as_deref(),
            Some("a-B.9")
        );
        assert_eq!(password_of("postgres://sim:a%40b@host/d"), None);
        assert_eq!(password_of("postgres://sim@host/d"), None);
    }

    #[test]
    fn quotes_inside_names_and_texts_are_doubled() {
        assert_eq!(quote("a\"b"), "\"a\"\"b\"");
        assert_eq!(literal("a'b"), "'a''b'");
    }
}
