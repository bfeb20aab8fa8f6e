/// Classes of SQLSTATE: the server ends, starts or is full, ended this transaction for another's sake, or was asked for more
/// than it does in the time that a statement has.
const PASSING: [&str; 4] = ["08", "40", "53", "57"];
/// Data exception, constraint, a limit of PostgreSQL.
const PERMANENT: [&str; 3] = ["22", "23", "54"];

/// Whether the same statement may succeed later. The connection's own failures pass.
pub fn is_passing(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(told) => told.code().is_some_and(|code| is_of(&PASSING, &code)),
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::ColumnNotFound(_) => false,
        _ => true,
    }
}

/// Whether the same statement with the same values fails again.
pub fn is_permanent(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|told| told.code());
    code.is_some_and(|code| is_of(&PERMANENT, &code))
}

fn is_of(classes: &[&str], sqlstate: &str) -> bool {
    classes.iter().any(|class| sqlstate.starts_with(class))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_restarts_or_is_full_is_passing_and_a_wrong_statement_is_not() {
        for state in ["57P01", "57P03", "53300", "08006", "40P01"] {
            assert!(is_of(&PASSING, state), "{state}");
        }
        for state in ["42601", "23505", "22P02", "XX000"] {
            assert!(!is_of(&PASSING, state), "{state}");
        }
        for state in ["22P02", "23505", "54000"] {
            assert!(is_of(&PERMANENT, state), "{state}");
        }
    }
}
