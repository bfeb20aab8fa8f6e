//! What the requests and answers of every service have in common: whose data, who asks, which SIM, how much of a list.
//!
//! A reader that takes `wrong` adds the field that was not accepted, so that one answer names all of them.

use std::fmt::Display;
use std::str::FromStr;

use domain::{ErrorCode, Iccid, Scope, UnknownWord};
use messages::pb::common::{Actor, Scope as WireScope};
use prost::Message;
use uuid::Uuid;

use crate::bus::RpcError;

/// Fields that were not accepted: name and reason.
pub type Wrong = Vec<(String, String)>;

/// Encoded rows of one answer; NATS takes messages of 1 MiB by default.
pub const ANSWER_BYTES: usize = 512 * 1024;

/// Whose data the request may touch.
///
/// # Errors
/// When it says neither an organization nor the whole platform.
pub fn scope(scope: Option<WireScope>) -> Result<Scope, RpcError> {
    let scope = scope.ok_or_else(|| RpcError::field("scope", "is missing"))?;
    Scope::try_from(scope).map_err(|error| RpcError::field("scope", error.to_string()))
}

/// Who asked, in the form of rows and events.
pub fn actor(actor: Option<Actor>) -> String {
    actor.map_or_else(
        || "system".to_owned(),
        |actor| format!("{}:{}", actor.kind, actor.id),
    )
}

/// The SIM's number.
///
/// # Errors
/// [`ErrorCode::InvalidIccid`].
pub fn iccid(text: &str) -> Result<Iccid, RpcError> {
    Iccid::parse(text).map_err(|error| RpcError::new(ErrorCode::InvalidIccid, error.to_string()))
}

/// The SIM's number, where one is given.
///
/// # Errors
/// [`ErrorCode::InvalidIccid`].
pub fn optional_iccid(text: &str) -> Result<Option<Iccid>, RpcError> {
    given(text).map(iccid).transpose()
}

/// An id.
///
/// # Errors
/// [`ErrorCode::Validation`] that names the field.
pub fn id(field: &str, text: &str) -> Result<Uuid, RpcError> {
    let id = Uuid::try_parse(text).ok().filter(|id| !id.is_nil());
    id.ok_or_else(|| RpcError::field(field, "is no UUID"))
}

/// A text that means nothing when it is empty.
pub fn given(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// A count of the database, which is never negative, as the wire counts.
pub fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// The same where the wire counts in 32 bits.
pub fn small_count(number: i64) -> u32 {
    u32::try_from(number.max(0)).unwrap_or(u32::MAX)
}

/// The rows of a page, 1 to `most`.
pub fn page_size(size: u32, most: u32, wrong: &mut Wrong) -> i64 {
    if !(1..=most).contains(&size) {
        wrong.push(("page_size".to_owned(), format!("is 1 to {most}")));
    }
    size.into()
}

/// A cursor that is the number of the last row of the page before; 0 on the first page.
pub fn number_cursor(cursor: &str, wrong: &mut Wrong) -> i64 {
    let parsed = given(cursor).map_or(Ok(0), str::parse);
    parsed.unwrap_or_else(|_| {
        wrong.push(("cursor".to_owned(), "is not a cursor of this list".to_owned()));
        0
    })
}

/// One of a closed list of words, or none.
pub fn one_of<T: FromStr<Err = UnknownWord>>(field: &str, word: &str, wrong: &mut Wrong) -> Option<T> {
    if word.is_empty() {
        return None;
    }
    let read = word.parse();
    read.map_err(|unknown: UnknownWord| wrong.push((field.to_owned(), unknown.to_string())))
        .ok()
}

/// Refuses a request of which some field was not accepted.
///
/// # Errors
/// [`ErrorCode::Validation`] with all of them.
pub fn refuse(wrong: Wrong) -> Result<(), RpcError> {
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(RpcError::fields(wrong))
    }
}

/// Rows as they travel, fewer when they are large but one at least; and whether all came along.
pub fn fit<T: Message>(rows: impl IntoIterator<Item = T>) -> (Vec<T>, bool) {
    let (mut taken, mut bytes) = (Vec::new(), 0);
    for row in rows {
        bytes += row.encoded_len();
        if bytes > ANSWER_BYTES && !taken.is_empty() {
            return (taken, false);
        }
        taken.push(row);
    }
    (taken, true)
}

/// A page that fits into an answer, of rows and the cursor behind each. `next_cursor` is empty when nothing follows.
pub fn page<T: Message, C: Display>(
    rows: impl IntoIterator<Item = (T, C)>,
    has_next: bool,
) -> (Vec<T>, String) {
    let (rows, mut cursors): (Vec<T>, Vec<C>) = rows.into_iter().unzip();
    let (rows, all) = fit(rows);
    cursors.truncate(rows.len());
    let last = cursors.pop().filter(|_| has_next || !all);
    (rows, last.map(|cursor| cursor.to_string()).unwrap_or_default())
}

/// The same of what was found, where one row more than `size` tells that others follow; `row` makes what travels and the
/// cursor behind it.
pub fn page_of<R, T: Message, C: Display>(
    mut found: Vec<R>,
    size: i64,
    row: impl Fn(R) -> (T, C),
) -> (Vec<T>, String) {
    let size = usize::try_from(size).unwrap_or(0);
    let has_next = found.len() > size;
    found.truncate(size);
    page(found.into_iter().map(row), has_next)
}

#[cfg(test)]
mod tests {
    use domain::{JobStatus, OrganizationId};
    use messages::pb::sim::Job;

    use super::*;

    #[test]
    fn a_request_that_says_nobodys_data_is_refused() {
        let silent = Some(WireScope::default());
        for refused in [scope(None), scope(silent)] {
            assert_eq!(refused.unwrap_err().code, ErrorCode::Validation);
        }
        for told in [Scope::All, Scope::Organization(OrganizationId::DEFAULT)] {
            assert_eq!(scope(Some(told.into())), Ok(told));
        }
    }

    #[test]
    fn every_field_that_was_not_accepted_is_named_at_once() {
        let mut wrong = Wrong::new();
        page_size(0, 100, &mut wrong);
        number_cursor("x", &mut wrong);
        let status: Option<JobStatus> = one_of("status", "gone", &mut wrong);
        assert_eq!(status, None);
        let names: Vec<&str> = wrong.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["page_size", "cursor", "status"]);
        assert_eq!(refuse(wrong).unwrap_err().code, ErrorCode::Validation);
        assert_eq!(refuse(Wrong::new()), Ok(()));
    }

    /// A row that takes a part of an answer.
    fn row(number: usize, part: usize) -> (Job, String) {
        let id = "x".repeat(ANSWER_BYTES / part);
        (Job { id, ..Job::default() }, number.to_string())
    }

    #[test]
    fn a_page_is_cut_where_it_would_be_too_large_and_goes_on_behind_its_last_row() {
        let cut = |part, size| {
            let (rows, next) = page_of((1..=4).collect(), size, |number| row(number, part));
            (rows.len(), next)
        };
        assert_eq!(cut(8, 4), (4, String::new()));
        assert_eq!(cut(8, 3), (3, "3".to_owned()));
        assert_eq!(cut(3, 4), (2, "2".to_owned()));
        assert_eq!(cut(1, 4), (1, "1".to_owned()), "one at least");
    }
}
