//! Lists of SIMs: filters, sorting, keyset cursors, and page numbers that stay fast at a million rows.
//!
//! Totals come from `fleet_counts`, the place of any page in ICCID order from `sim_buckets`. Where a tag or a search
//! filters, the total is counted up to [`COUNT_CAP`], and pages are walked to up to [`MAX_OFFSET`] rows.

mod counted;
#[cfg(test)]
mod counted_tests;
mod cursor;
mod query;

use domain::{ListStatus, SimSort};
use sqlx::Connection;

pub use cursor::ListCursor;

use super::row::{SimRow, StoredSim};
use super::{PageError, Scope, Store};
use crate::error::StoreError;

/// Counting stops here when a tag or a search filters.
pub const COUNT_CAP: i64 = 10_000;
/// The last row that a page number reaches when the list is not in plain ICCID order; cursors reach every row.
pub const MAX_OFFSET: i64 = 10_000;
/// The status number of missing SIMs in lists.
const MISSING: i16 = ListStatus::Missing.code();

/// The column that a list is sorted by.
fn column(sort: SimSort) -> &'static str {
    match sort {
        SimSort::Iccid => "iccid",
        SimSort::Label => "sort_label",
        SimSort::Status => "list_status",
        SimSort::CreatedAt => "created_at",
        SimSort::UpdatedAt => "updated_at",
    }
}

/// Which SIMs a list holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListFilter {
    /// A status; without one, all that 1NCE lists.
    pub status: Option<ListStatus>,
    /// A tag.
    pub tag: Option<String>,
    /// Part of an ICCID, label, IMEI, MSISDN or IP address, in lower case.
    pub search: Option<String>,
}

impl ListFilter {
    /// The tag, when it is all that is asked for beside status and scope.
    fn tag_alone(&self) -> Option<&str> {
        self.tag.as_deref().filter(|_| self.search.is_none())
    }

    fn is_counted(&self) -> bool {
        self.tag.is_none() && self.search.is_none()
    }
}

/// Where in the list to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListPage {
    /// A 1-based page.
    Number(i64),
    /// After the row that the cursor names.
    After(String),
}

/// A list query. The scope is part of its making.
#[derive(Debug, Clone)]
pub struct SimList {
    /// Whose SIMs.
    pub scope: Scope,
    /// Which of them.
    pub filter: ListFilter,
    /// In which order.
    pub sort: SimSort,
    /// The other way round.
    pub descending: bool,
    /// Where to begin.
    pub page: ListPage,
    /// Rows wanted.
    pub size: i64,
}

/// One page.
#[derive(Debug)]
pub struct SimListPage {
    /// The rows, and the cursor behind each.
    pub sims: Vec<(StoredSim, ListCursor)>,
    /// Rows in the whole list, counted up to [`COUNT_CAP`] where a tag or a search filters.
    pub total: i64,
    /// Counting stopped at the cap.
    pub total_is_capped: bool,
    /// More rows follow.
    pub has_next: bool,
}

#[derive(sqlx::FromRow)]
struct ListRow {
    #[sqlx(flatten)]
    sim: SimRow,
    sort_label: String,
    list_status: i16,
}

/// The sort key and number of a row that a cursor names.
#[derive(Debug)]
struct Position {
    key: String,
    iccid: i64,
}

/// The rows found, one more than wanted when others follow.
struct Found {
    rows: Vec<ListRow>,
    total: i64,
    total_is_capped: bool,
}

impl Store {
    /// One page of a list; totals and rows are of one moment.
    ///
    /// # Errors
    /// [`PageError::Refused`] for a cursor of another list or a page beyond [`MAX_OFFSET`]; the database's.
    pub async fn list_sims(&self, list: &SimList) -> Result<SimListPage, PageError> {
        let position = match &list.page {
            ListPage::After(cursor) => Some(list.read_cursor(cursor)?),
            ListPage::Number(_) => None,
        };
        let mut found = if list.filter.is_counted() {
            list.counted_page(self.db().pool(), position.as_ref()).await?
        } else {
            self.found_page(list, position.as_ref()).await?
        };
        let size = usize::try_from(list.size).unwrap_or(0);
        let has_next = found.rows.len() > size;
        found.rows.truncate(size);
        let sims = found
            .rows
            .into_iter()
            .map(|row| {
                let (cursor, sim) = list.cursor_after(row);
                Ok((sim.into_domain()?, cursor))
            })
            .collect::<Result<_, StoreError>>()?;
        Ok(SimListPage {
            sims,
            total: found.total,
            total_is_capped: found.total_is_capped,
            has_next,
        })
    }

    /// Counts first: how the rows are looked for hangs on it.
    async fn found_page(&self, list: &SimList, position: Option<&Position>) -> Result<Found, PageError> {
        let mut connection = self.db().pool().acquire().await?;
        let mut transaction = connection
            .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .await?;
        let (total, total_is_capped) = list.count(&mut transaction).await?;
        let rows = list.rows(&mut transaction, position, !total_is_capped).await?;
        transaction.commit().await?;
        Ok(Found {
            rows,
            total,
            total_is_capped,
        })
    }
}
