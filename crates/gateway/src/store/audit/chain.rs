use sqlx::{FromRow, PgPool};

/// Rows that one statement looks at: well within the limit of a statement's time.
const STEP: i64 = 10_000;

/// What a look at the chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainReport {
    /// Rows whose hash and place are right.
    pub checked: i64,
    /// The first row that was looked at.
    pub first_seq: i64,
    /// The newest row.
    pub head_seq: i64,
    /// Its hash, 32 bytes.
    pub head_hash: Vec<u8>,
    /// Where the chain breaks: a row that was changed, or one that is missing.
    pub first_bad_seq: Option<i64>,
}

#[derive(FromRow)]
struct Step {
    checked: i64,
    first_bad_seq: Option<i64>,
    head_seq: i64,
    head_hash: Vec<u8>,
}

/// Follows the chain to its head: from its beginning, or over the last so many rows.
pub async fn verify(pool: &PgPool, last: Option<i64>) -> Result<ChainReport, sqlx::Error> {
    let (head_seq, forgotten): (i64, i64) = sqlx::query_as("SELECT seq, forgotten_seq FROM audit_head")
        .fetch_one(pool)
        .await?;
    let first_seq = last
        .map_or(0, |last| head_seq.saturating_sub(last) + 1)
        .max(forgotten + 1);
    let (mut from, mut checked) = (first_seq, 0);
    loop {
        // The last step has no end, so that rows beyond the head show too.
        let to = if from + STEP > head_seq {
            i64::MAX
        } else {
            from + STEP - 1
        };
        let step: Step = sqlx::query_as("SELECT * FROM verify_audit($1, $2)")
            .bind(from)
            .bind(to)
            .fetch_one(pool)
            .await?;
        checked += step.checked;
        if step.first_bad_seq.is_some() || to == i64::MAX {
            return Ok(ChainReport {
                checked,
                first_seq,
                head_seq: step.head_seq,
                head_hash: step.head_hash,
                first_bad_seq: step.first_bad_seq,
            });
        }
        from = to + 1;
    }
}
