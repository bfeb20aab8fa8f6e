//! Where each SIM was last, and how many are where.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::copy::millis_to_time;
use super::{Scope, Store};
use crate::error::StoreError;

/// Something that was told at a time, milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Told<T> {
    pub at_ms: i64,
    pub value: T,
}

/// Where a SIM is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub mcc: i16,
    /// 1NCE's number of the operator, 0 where it is not told.
    pub operator: i32,
}

/// What is told of one SIM. `None`: nothing is told of that part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fact {
    pub iccid: i64,
    /// Has a data session.
    pub online: Option<Told<bool>>,
    pub place: Option<Told<Place>>,
    /// 1NCE's number.
    pub rat: Option<Told<i16>>,
}

impl Fact {
    /// Tells nothing at all.
    pub fn is_nothing(&self) -> bool {
        self.online.is_none() && self.place.is_none() && self.rat.is_none()
    }

    /// Takes the parts that are newer. Of one moment the end of a session counts, then the larger number: the same rule as
    /// in the store, so that no order of events makes a difference.
    pub fn take_newer(&mut self, other: &Self) {
        let rank = |online: Option<Told<bool>>| online.map(|told| (told.at_ms, !told.value));
        if rank(other.online) > rank(self.online) {
            self.online = other.online;
        }
        self.place = self.place.max(other.place);
        self.rat = self.rat.max(other.rat);
    }
}

/// Writes facts, one for each SIM in the order of the ICCIDs; what is older than what is held changes nothing. SIMs that
/// nobody knows get a row of `sims`, as those have that send records.
///
/// # Errors
/// The database's.
pub async fn note(transaction: &mut PgConnection, facts: &[Fact]) -> Result<(), sqlx::Error> {
    if facts.is_empty() {
        return Ok(());
    }
    let iccids: Vec<i64> = facts.iter().map(|fact| fact.iccid).collect();
    sqlx::query(
        "INSERT INTO sims (iccid) SELECT iccid FROM unnest($1::bigint[]) AS told (iccid)
         WHERE NOT EXISTS (SELECT FROM sims WHERE sims.iccid = told.iccid) ORDER BY iccid ON CONFLICT DO NOTHING",
    )
    .bind(&iccids)
    .execute(&mut *transaction)
    .await?;
    update(transaction, &iccids, facts).await
}

async fn update(transaction: &mut PgConnection, iccids: &[i64], facts: &[Fact]) -> Result<(), sqlx::Error> {
    let small = |part: fn(&Fact) -> Option<i16>| -> Vec<Option<i16>> { facts.iter().map(part).collect() };
    let time = |part: fn(&Fact) -> Option<i64>| -> Vec<Option<DateTime<Utc>>> {
        facts.iter().map(|fact| part(fact).map(millis_to_time)).collect()
    };
    let operators: Vec<Option<i32>> = facts
        .iter()
        .map(|fact| fact.place.map(|told| told.value.operator))
        .collect();
    sqlx::query(include_str!("note_presence.sql"))
        .bind(iccids)
        .bind(small(|fact| fact.online.map(|told| i16::from(told.value))))
        .bind(time(|fact| fact.online.map(|told| told.at_ms)))
        .bind(small(|fact| fact.place.map(|told| told.value.mcc)))
        .bind(operators)
        .bind(time(|fact| fact.place.map(|told| told.at_ms)))
        .bind(small(|fact| fact.rat.map(|told| told.value)))
        .bind(time(|fact| fact.rat.map(|told| told.at_ms)))
        .execute(transaction)
        .await
        .map(|_| ())
}

/// Listed SIMs that are in the same place and state.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct PresenceCount {
    /// 1 has a data session, 0 has none, -1 nobody told.
    pub online: i16,
    /// 0 where nobody told.
    pub mcc: i16,
    /// `None` where no operator of the country is known by name.
    pub country: Option<String>,
    /// 0 where nobody told.
    pub rat: i16,
    /// How many; never 0.
    pub sims: i64,
}

const COUNTS: &str =
    "SELECT *, (SELECT min(country) FROM operators WHERE operators.mcc = counts.mcc) AS country
    FROM (SELECT online, mcc, rat, sum(sims)::bigint AS sims FROM presence_counts
          WHERE ($1::uuid IS NULL OR organization_id = $1) GROUP BY 1, 2, 3 HAVING sum(sims) <> 0) AS counts
    ORDER BY 1, 2, 3";

impl Store {
    /// How many SIMs of a scope are where, and the database's time; a sum over a few thousand rows, however many SIMs.
    ///
    /// # Errors
    /// The database's.
    pub async fn presence_counts(
        &self,
        scope: Scope,
    ) -> Result<(Vec<PresenceCount>, DateTime<Utc>), StoreError> {
        let now = sqlx::query_scalar("SELECT clock_timestamp()")
            .fetch_one(self.db().pool())
            .await?;
        let counts = sqlx::query_as(COUNTS).bind(scope.filter());
        Ok((counts.fetch_all(self.db().pool()).await?, now))
    }
}
