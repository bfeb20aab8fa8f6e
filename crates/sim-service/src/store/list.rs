//! Lists of SIMs: filters, sorting, keyset cursors, and page numbers that stay fast at a million rows.
//!
//! Totals, and the place of any page in ICCID order, come from `sim_buckets`. Where a tag or a search filters, the
//! total is counted up to [`COUNT_CAP`], and pages are walked to up to [`MAX_OFFSET`] rows.

use chrono::DateTime;
use sqlx::{Connection, PgConnection, Postgres, QueryBuilder};

use super::row::{SELECT, SimRow, StoredSim};
use super::{Scope, Store};
use crate::error::{AppError, StoreError};

/// Counting stops here when a tag or a search filters.
pub const COUNT_CAP: i64 = 10_000;
/// The last row that a page number reaches when the list is not in plain ICCID order; cursors reach every row.
pub const MAX_OFFSET: i64 = 100_000;
/// The status number of missing SIMs in lists.
const MISSING: i16 = 9;
const BUCKET: i64 = 1_000;

/// What a list is sorted by; the ICCID settles ties.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortBy {
    /// The card's number.
    Iccid,
    /// The customer's text, whatever its case.
    Label,
    /// The status number.
    Status,
    /// When the SIM became known.
    CreatedAt,
    /// When the row changed last.
    UpdatedAt,
}

impl SortBy {
    /// The sort of a word; `None` for an unknown one.
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "" | "iccid" => Self::Iccid,
            "label" => Self::Label,
            "status" => Self::Status,
            "created_at" => Self::CreatedAt,
            "updated_at" => Self::UpdatedAt,
            _ => return None,
        })
    }

    fn word(self) -> &'static str {
        match self {
            Self::Iccid => "iccid",
            Self::Label => "label",
            Self::Status => "status",
            Self::CreatedAt => "created_at",
            Self::UpdatedAt => "updated_at",
        }
    }

    fn column(self) -> &'static str {
        match self {
            Self::Iccid => "iccid",
            Self::Label => "sort_label",
            Self::Status => "list_status",
            Self::CreatedAt => "created_at",
            Self::UpdatedAt => "updated_at",
        }
    }
}

/// Which SIMs a list holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListFilter {
    /// A status number of `SimStatus`, or [`ListFilter::missing`].
    pub status: Option<i16>,
    /// A tag.
    pub tag: Option<String>,
    /// Part of an ICCID, label, IMEI, MSISDN or IP address, in lower case.
    pub search: Option<String>,
}

impl ListFilter {
    /// The status number that lists SIMs which 1NCE does not list any more.
    pub const fn missing() -> i16 {
        MISSING
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
    pub sort: SortBy,
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
    /// The rows.
    pub sims: Vec<StoredSim>,
    /// Rows in the whole list, counted up to [`COUNT_CAP`] where a tag or a search filters.
    pub total: i64,
    /// Counting stopped at the cap.
    pub total_is_capped: bool,
    /// Where the next page begins.
    pub next_cursor: Option<String>,
}

#[derive(sqlx::FromRow)]
struct ListRow {
    #[sqlx(flatten)]
    sim: SimRow,
    sort_label: String,
    list_status: i16,
}

/// The sort key and number of a row that a cursor names.
struct Position {
    key: String,
    iccid: i64,
}

/// Where the wanted page begins.
struct Start {
    offset: i64,
    /// The bucket to begin in, when the rank is known.
    bucket: Option<i64>,
}

impl Store {
    /// One page of a list; totals and rows are of one moment.
    ///
    /// # Errors
    /// [`AppError::Invalid`] for a cursor of another list or a page beyond [`MAX_OFFSET`]; the database's.
    pub async fn list_sims(&self, list: &SimList) -> Result<SimListPage, AppError> {
        let position = match &list.page {
            ListPage::After(cursor) => Some(list.read_cursor(cursor)?),
            ListPage::Number(_) => None,
        };
        let mut connection = self.db().pool().acquire().await?;
        let mut transaction = connection
            .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .await?;
        let (total, total_is_capped) = list.count(&mut transaction).await?;
        let start = list.start(&mut transaction).await?;
        let mut rows = match start {
            Some(start) => list.rows(&mut transaction, position.as_ref(), &start).await?,
            None => Vec::new(),
        };
        transaction.commit().await?;
        let size = usize::try_from(list.size).unwrap_or(0);
        let more = rows.len() > size;
        rows.truncate(size);
        let next_cursor = rows.last().filter(|_| more).map(|row| list.cursor_after(row));
        let sims = rows
            .into_iter()
            .map(|row| row.sim.into_domain())
            .collect::<Result<_, StoreError>>()?;
        Ok(SimListPage {
            sims,
            total,
            total_is_capped,
            next_cursor,
        })
    }
}

impl SimList {
    async fn count(&self, connection: &mut PgConnection) -> Result<(i64, bool), sqlx::Error> {
        if self.filter.is_counted() {
            let mut query =
                QueryBuilder::new("SELECT coalesce(sum(sims), 0)::bigint FROM sim_buckets WHERE ");
            self.push_scope_and_status(&mut query);
            return Ok((query.build_query_scalar().fetch_one(connection).await?, false));
        }
        let mut query = QueryBuilder::new("SELECT count(*) FROM (SELECT FROM sims WHERE ");
        self.push_filter(&mut query);
        query
            .push(" LIMIT ")
            .push_bind(COUNT_CAP + 1)
            .push(") AS counted");
        let counted: i64 = query.build_query_scalar().fetch_one(connection).await?;
        Ok((counted.min(COUNT_CAP), counted > COUNT_CAP))
    }

    /// Where the page begins; `None` when the list ends before it.
    async fn start(&self, connection: &mut PgConnection) -> Result<Option<Start>, AppError> {
        let ListPage::Number(page) = self.page else {
            return Ok(Some(Start {
                offset: 0,
                bucket: None,
            }));
        };
        let offset = (page - 1) * self.size;
        if offset < BUCKET {
            return Ok(Some(Start { offset, bucket: None }));
        }
        if self.sort == SortBy::Iccid && self.filter.is_counted() {
            return Ok(self.bucket_of(connection, offset).await?);
        }
        if offset > MAX_OFFSET {
            let reason =
                format!("page numbers reach {MAX_OFFSET} rows in this order or filter; use the cursor");
            return Err(AppError::Invalid(vec![("page".to_owned(), reason)]));
        }
        Ok(Some(Start { offset, bucket: None }))
    }

    async fn bucket_of(
        &self,
        connection: &mut PgConnection,
        offset: i64,
    ) -> Result<Option<Start>, sqlx::Error> {
        let mut query = QueryBuilder::new(
            "WITH held AS (SELECT bucket, sum(sims)::bigint AS sims FROM sim_buckets WHERE ",
        );
        self.push_scope_and_status(&mut query);
        query.push(" GROUP BY bucket), ranked AS (SELECT bucket, sims, sum(sims) OVER (ORDER BY bucket ");
        query
            .push(self.direction())
            .push(")::bigint AS upto FROM held) SELECT bucket, upto - sims FROM ranked WHERE upto > ");
        query.push_bind(offset).push(" ORDER BY upto LIMIT 1");
        let found: Option<(i64, i64)> = query.build_query_as().fetch_optional(connection).await?;
        Ok(found.map(|(bucket, before)| Start {
            offset: offset - before,
            bucket: Some(bucket),
        }))
    }

    async fn rows(
        &self,
        connection: &mut PgConnection,
        position: Option<&Position>,
        start: &Start,
    ) -> Result<Vec<ListRow>, AppError> {
        let mut query = QueryBuilder::new("WITH page AS (SELECT iccid AS page_iccid FROM sims WHERE ");
        self.push_filter(&mut query);
        if let Some(position) = position {
            self.push_after(&mut query, position)?;
        }
        if let Some(bucket) = start.bucket {
            let edge = if self.descending {
                (bucket + 1) * BUCKET
            } else {
                bucket * BUCKET
            };
            query
                .push(if self.descending {
                    " AND iccid < "
                } else {
                    " AND iccid >= "
                })
                .push_bind(edge);
        }
        self.push_order(&mut query);
        query
            .push(" OFFSET ")
            .push_bind(start.offset)
            .push(" LIMIT ")
            .push_bind(self.size + 1)
            .push(") ");
        query.push(SELECT).push(" JOIN page ON sims.iccid = page_iccid");
        self.push_order(&mut query);
        Ok(query.build_query_as().fetch_all(connection).await?)
    }

    fn push_scope_and_status(&self, query: &mut QueryBuilder<Postgres>) {
        match self.filter.status {
            Some(status) => query.push("list_status = ").push_bind(status),
            None => query.push("list_status < ").push_bind(MISSING),
        };
        if let Some(organization) = self.scope.filter() {
            query.push(" AND organization_id = ").push_bind(organization);
        }
    }

    fn push_filter(&self, query: &mut QueryBuilder<Postgres>) {
        self.push_scope_and_status(query);
        if let Some(tag) = &self.filter.tag {
            query
                .push(" AND iccid IN (SELECT tagged.iccid FROM sim_tags AS tagged WHERE tag = ")
                .push_bind(tag.clone());
            query.push(")");
        }
        if let Some(search) = &self.filter.search {
            match domain::Iccid::parse(search) {
                Ok(iccid) => query.push(" AND iccid = ").push_bind(iccid.as_i64()),
                Err(_) => query
                    .push(" AND search_text LIKE ")
                    .push_bind(format!("%{}%", escape_like(search))),
            };
        }
    }

    fn push_after(&self, query: &mut QueryBuilder<Postgres>, position: &Position) -> Result<(), AppError> {
        let comparison = if self.descending { "<" } else { ">" };
        let invalid = || AppError::field("cursor", "is not a cursor of this list");
        if self.sort == SortBy::Iccid {
            query
                .push(format!(" AND iccid {comparison} "))
                .push_bind(position.iccid);
            return Ok(());
        }
        query.push(format!(" AND ({}, iccid) {comparison} (", self.sort.column()));
        match self.sort {
            SortBy::Label | SortBy::Iccid => query.push_bind(position.key.clone()),
            SortBy::Status => query.push_bind(position.key.parse::<i16>().map_err(|_| invalid())?),
            SortBy::CreatedAt | SortBy::UpdatedAt => {
                let micros = position.key.parse().map_err(|_| invalid())?;
                query.push_bind(DateTime::from_timestamp_micros(micros).ok_or_else(invalid)?)
            }
        };
        query.push(", ").push_bind(position.iccid).push(")");
        Ok(())
    }

    fn push_order(&self, query: &mut QueryBuilder<Postgres>) {
        let direction = self.direction();
        query.push(" ORDER BY ");
        if self.sort != SortBy::Iccid {
            query.push(format!("{} {direction}, ", self.sort.column()));
        }
        query.push(format!("iccid {direction}"));
    }

    fn direction(&self) -> &'static str {
        if self.descending { "DESC" } else { "ASC" }
    }

    fn cursor_after(&self, row: &ListRow) -> String {
        let key = match self.sort {
            SortBy::Iccid => String::new(),
            SortBy::Label => row.sort_label.clone(),
            SortBy::Status => row.list_status.to_string(),
            SortBy::CreatedAt => row.sim.created_at.timestamp_micros().to_string(),
            SortBy::UpdatedAt => row.sim.updated_at.timestamp_micros().to_string(),
        };
        let iccid = row.sim.provider.iccid;
        let text = format!("{}~{}~{iccid}~{key}", self.sort.word(), self.direction());
        text.bytes().map(|byte| format!("{byte:02x}")).collect()
    }

    fn read_cursor(&self, cursor: &str) -> Result<Position, AppError> {
        let text = unhex(cursor).ok_or_else(|| AppError::field("cursor", "is not a cursor of this list"))?;
        let mut parts = text.splitn(4, '~');
        let matches = parts.next() == Some(self.sort.word()) && parts.next() == Some(self.direction());
        match (
            matches,
            parts.next().and_then(|number| number.parse().ok()),
            parts.next(),
        ) {
            (true, Some(iccid), Some(key)) => Ok(Position {
                key: key.to_owned(),
                iccid,
            }),
            _ => Err(AppError::field("cursor", "belongs to a list with another order")),
        }
    }
}

fn unhex(hex: &str) -> Option<String> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let bytes: Option<Vec<u8>> = hex
        .as_bytes()
        .chunks(2)
        .map(|pair| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?))
        .collect();
    String::from_utf8(bytes?).ok()
}

fn escape_like(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn list(sort: SortBy, descending: bool) -> SimList {
        let (filter, page) = (ListFilter::default(), ListPage::Number(1));
        SimList {
            scope: Scope::All,
            filter,
            sort,
            descending,
            page,
            size: 50,
        }
    }

    #[test]
    fn a_cursor_of_another_order_is_refused() {
        let cursor: String = "label~ASC~8988999000000000017~pump"
            .bytes()
            .map(|b| format!("{b:02x}"))
            .collect();
        assert!(list(SortBy::Label, false).read_cursor(&cursor).is_ok());
        assert!(list(SortBy::Label, true).read_cursor(&cursor).is_err());
        assert!(list(SortBy::Iccid, false).read_cursor(&cursor).is_err());
    }

    #[test]
    fn wildcards_of_a_search_are_letters() {
        assert_eq!(escape_like("50%_\\"), "50\\%\\_\\\\");
    }

    proptest! {
        #[test]
        fn a_foreign_cursor_never_panics(cursor in "(\\PC*|[0-9a-f]*)") {
            if let Ok(position) = list(SortBy::Iccid, false).read_cursor(&cursor) {
                prop_assert!(unhex(&cursor).is_some_and(|text| text.contains(&position.iccid.to_string())));
            }
        }
    }
}
