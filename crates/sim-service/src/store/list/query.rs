//! The SQL of a list. These statements are not prepared for reuse: a plan for any tag or search is a bad plan for most.

use chrono::DateTime;
use domain::SimSort;
use sqlx::{PgConnection, Postgres, QueryBuilder};

use super::{COUNT_CAP, ListFilter, ListPage, ListRow, MAX_OFFSET, MISSING, Position, SimList, column};
use crate::store::row::SELECT;
use crate::store::{PageError, Scope};

impl SimList {
    /// How many SIMs a tag or a search finds, up to [`COUNT_CAP`], and whether there are more.
    pub(super) async fn count(&self, connection: &mut PgConnection) -> Result<(i64, bool), sqlx::Error> {
        let mut query = QueryBuilder::new("SELECT count(*) FROM (SELECT FROM ");
        self.push_source(&mut query, self.filter.tag_alone());
        query
            .push(" LIMIT ")
            .push_bind(COUNT_CAP + 1)
            .push(") AS counted");
        let counted: i64 = query
            .build_query_scalar()
            .persistent(false)
            .fetch_one(connection)
            .await?;
        Ok((counted.min(COUNT_CAP), counted > COUNT_CAP))
    }

    /// How many rows come before the page.
    fn offset(&self) -> Result<i64, PageError> {
        let ListPage::Number(page) = self.page else {
            return Ok(0);
        };
        let offset = (page - 1) * self.size;
        if offset >= MAX_OFFSET {
            let reason =
                format!("page numbers reach {MAX_OFFSET} rows in this order or filter; use the cursor");
            return Err(PageError::Refused {
                field: "page",
                reason,
            });
        }
        Ok(offset)
    }

    pub(super) async fn rows(
        &self,
        connection: &mut PgConnection,
        position: Option<&Position>,
        few: bool,
    ) -> Result<Vec<ListRow>, PageError> {
        let mut query = QueryBuilder::new("");
        self.push_page(&mut query, position, few)?;
        Ok(query
            .build_query_as()
            .persistent(false)
            .fetch_all(connection)
            .await?)
    }

    /// The rows of the page, one more when others follow. `few` SIMs match.
    pub(super) fn push_page(
        &self,
        query: &mut QueryBuilder<Postgres>,
        position: Option<&Position>,
        few: bool,
    ) -> Result<(), PageError> {
        let offset = self.offset()?;
        let tag = self.filter.tag_alone().filter(|_| self.sort == SimSort::Iccid);
        if few && tag.is_none() {
            // Found first and sorted then: the planner would rather walk an ordered index past everything else.
            query.push("WITH found AS MATERIALIZED (SELECT iccid, list_status, sort_label,");
            query.push(" created_at, updated_at FROM sims WHERE ");
            self.push_filter(query);
            query.push("), page AS (SELECT iccid AS page_iccid FROM found WHERE true");
        } else {
            query.push("WITH page AS (SELECT iccid AS page_iccid FROM ");
            self.push_source(query, tag);
        }
        if let Some(position) = position {
            self.push_after(query, position)?;
        }
        self.push_order(query);
        query
            .push(" OFFSET ")
            .push_bind(offset)
            .push(" LIMIT ")
            .push_bind(self.size + 1)
            .push(") ");
        query.push(SELECT).push(" JOIN page ON sims.iccid = page_iccid");
        self.push_order(query);
        Ok(())
    }

    /// `sims WHERE …` for every SIM that the filter matches.
    pub(in crate::store) fn push_matching(
        query: &mut QueryBuilder<Postgres>,
        scope: Scope,
        filter: ListFilter,
    ) {
        let list = Self {
            scope,
            filter,
            sort: SimSort::Iccid,
            descending: false,
            page: ListPage::Number(1),
            size: 1,
        };
        list.push_source(query, None);
    }

    pub(super) fn push_scope_and_status(&self, query: &mut QueryBuilder<Postgres>) {
        match self.filter.status {
            Some(status) => query.push("list_status = ").push_bind(status.code()),
            None => query.push("list_status < ").push_bind(MISSING),
        };
        if let Some(organization) = self.scope.filter() {
            query.push(" AND organization_id = ").push_bind(organization);
        }
    }

    /// The rows to choose from: the index of one tag knows enough when nothing but the ICCID is asked for beside it.
    fn push_source(&self, query: &mut QueryBuilder<Postgres>, tag: Option<&str>) {
        let Some(tag) = tag else {
            query.push("sims WHERE ");
            return self.push_filter(query);
        };
        query.push("sim_tags WHERE ");
        self.push_scope_and_status(query);
        query.push(" AND tag = ").push_bind(tag.to_owned());
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

    fn push_after(&self, query: &mut QueryBuilder<Postgres>, position: &Position) -> Result<(), PageError> {
        let comparison = if self.descending { "<" } else { ">" };
        let invalid = || PageError::cursor("is not a cursor of this list");
        if self.sort == SimSort::Iccid {
            query
                .push(format!(" AND iccid {comparison} "))
                .push_bind(position.iccid);
            return Ok(());
        }
        query.push(format!(" AND ({}, iccid) {comparison} (", column(self.sort)));
        match self.sort {
            SimSort::Label | SimSort::Iccid => query.push_bind(position.key.clone()),
            SimSort::Status => query.push_bind(position.key.parse::<i16>().map_err(|_| invalid())?),
            SimSort::CreatedAt | SimSort::UpdatedAt => {
                let micros = position.key.parse().map_err(|_| invalid())?;
                query.push_bind(DateTime::from_timestamp_micros(micros).ok_or_else(invalid)?)
            }
        };
        query.push(", ").push_bind(position.iccid).push(")");
        Ok(())
    }

    pub(super) fn push_order(&self, query: &mut QueryBuilder<Postgres>) {
        let direction = self.direction();
        query.push(" ORDER BY ");
        if self.sort != SimSort::Iccid {
            query.push(format!("{} {direction}, ", column(self.sort)));
        }
        query.push(format!("iccid {direction}"));
    }

    pub(super) fn direction(&self) -> &'static str {
        if self.descending { "DESC" } else { "ASC" }
    }
}

fn escape_like(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_of_a_search_are_letters() {
        assert_eq!(escape_like("50%_\\"), "50\\%\\_\\\\");
    }
}
