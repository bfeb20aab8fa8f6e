//! Which SIMs are asked for.

use std::borrow::Cow;

use domain::{ListStatus, OrganizationId, SimSort};
use messages::pb::sim::ListSimsResponse;
use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;

use crate::app::list_sims::ListSims;
use crate::error::ApiError;
use crate::rest::frame::envelope::Pagination;
use crate::rest::frame::fields;
use crate::rest::frame::fields::{
    Cursor, Field, Flag, Number, PageSize, Text, Word, WordOr, words, words_of,
};

fields! {
    /// How fresh the SIM has to be.
    pub struct GetSimParams {
        /// Read 1NCE first; `last_synced_at` says how old the answer is
        refresh: Flag,
    }
}

words_of! {
    /// The state of a SIM. `Missing`: 1NCE does not list it any more.
    ListStatus as "SimListStatus"
}

/// A part of what identifies a SIM, without the spaces around it. Shorter ones match too much to be of use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search(pub String);

impl Field for Search {
    fn rule() -> Cow<'static, str> {
        Text::<3, 100>::rule()
    }

    fn schema() -> RefOr<Schema> {
        Text::<3, 100>::schema()
    }

    fn read(value: &Value) -> Option<Self> {
        let text = value.as_str()?.trim();
        // What is searched for is the text in lower case, which may be longer.
        Text::<3, 100>::parse(&text.to_lowercase()).map(|_| Self(text.to_owned()))
    }

    /// An empty one in a query asks for nothing.
    fn parse(text: &str) -> Option<Self> {
        match text.trim() {
            "" => Some(Self(String::new())),
            text => Self::read(&Value::String(text.to_owned())),
        }
    }
}

words_of! {
    /// What SIMs are sorted by; the ICCID settles ties.
    SimSort as "SimSortBy" or Iccid
}

words! {
    /// In which direction.
    pub enum SortOrder as "SortOrder" or Asc { Asc = "asc", Desc = "desc" }
}

fields! {
    /// Which SIMs, and in which order.
    pub struct ListSimsParams {
        /// 1-based, and 1 without a cursor. Pages reach 10,000 rows, beyond which it is refused with 422; in order of ICCID,
        /// and filtered by nothing but status and organization, they reach the end of the list. Cursors always do.
        page: Option<Number<1, { u32::MAX }, 0>>,
        /// How many SIMs one page shows.
        page_size: PageSize,
        /// `next_cursor` of an earlier answer; instead of `page`.
        cursor: Option<Cursor<4096>>,
        /// `Missing`: SIMs that 1NCE does not list any more. They are listed with this word only.
        status: Option<Word<ListStatus>>,
        /// For keys of the whole platform.
        organization_id: Option<OrganizationId>,
        tag: Option<Text<0, 64>>,
        /// A part of ICCID, label, IMEI, MSISDN or IP address; spaces around it do not count.
        search: Option<Search>,
        sort_by: WordOr<SimSort>,
        sort_order: WordOr<SortOrder>,
    }
}

fields! {
    /// Which SIMs are exported.
    pub struct ExportSimsParams {
        /// `Missing`: SIMs that 1NCE does not list any more. They are exported with this word only.
        status: Option<Word<ListStatus>>,
        /// For keys of the whole platform.
        organization_id: Option<OrganizationId>,
        tag: Option<Text<0, 64>>,
        /// A part of ICCID, label, IMEI, MSISDN or IP address; spaces around it do not count.
        search: Option<Search>,
    }
}

impl ListSimsParams {
    pub fn list(self) -> Result<ListSims, ApiError> {
        if self.page.is_some() && self.cursor.is_some() {
            return Err(ApiError::field("page", "cannot be given together with a cursor"));
        }
        Ok(ListSims {
            page: self.page.map_or(1, Number::get),
            page_size: self.page_size.get(),
            cursor: self.cursor.unwrap_or_default().0,
            status: self.status.map(word).unwrap_or_default(),
            organization: self.organization_id,
            tag: self.tag.map(|tag| tag.0).unwrap_or_default(),
            search: self.search.map(|search| search.0).unwrap_or_default(),
            sort_by: self.sort_by.0.word().to_owned(),
            descending: self.sort_order.0 == SortOrder::Desc,
        })
    }
}

impl ExportSimsParams {
    /// In the order of their ICCIDs, so many at once.
    pub fn list(self, page_size: u32) -> ListSims {
        ListSims {
            page: 1,
            page_size,
            cursor: String::new(),
            status: self.status.map(word).unwrap_or_default(),
            organization: self.organization_id,
            tag: self.tag.map(|tag| tag.0).unwrap_or_default(),
            search: self.search.map(|search| search.0).unwrap_or_default(),
            sort_by: SimSort::Iccid.word().to_owned(),
            descending: false,
        }
    }
}

fn word(status: Word<ListStatus>) -> String {
    status.0.word().to_owned()
}

/// Where the page stands that was asked for with `list`.
pub fn pagination(list: &ListSims, found: &ListSimsResponse) -> Pagination {
    let by_cursor = !list.cursor.is_empty();
    let next_cursor = &found.next_cursor;
    Pagination {
        total: found.total,
        total_is_capped: found.total_is_capped,
        page: (!by_cursor).then_some(list.page),
        page_size: list.page_size,
        total_pages: found.total.div_ceil(u64::from(list.page_size.max(1))),
        has_next: found.has_next,
        has_prev: by_cursor || list.page > 1,
        next_cursor: (!next_cursor.is_empty()).then(|| next_cursor.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rest::frame::query;

    fn read(text: &str) -> Result<ListSims, ApiError> {
        query::read::<ListSimsParams>(text)?.list()
    }

    #[test]
    fn without_parameters_it_is_the_first_fifty() {
        let list = read("").unwrap();
        assert_eq!((list.page, list.page_size, list.descending), (1, 50, false));
        assert_eq!(list.organization, None);
    }

    #[test]
    fn every_parameter_arrives() {
        let query = "page=3&page_size=100&status=Enabled&tag=a%20b&search=%20017%20&sort_by=label&sort_order=desc\
                     &organization_id=00000000-0000-0000-0000-000000000001";
        let list = read(query).unwrap();
        assert_eq!((list.page, list.page_size, list.tag.as_str()), (3, 100, "a b"));
        assert_eq!(
            (list.status.as_str(), list.sort_by.as_str(), list.descending),
            ("Enabled", "label", true)
        );
        assert_eq!(list.organization, Some(OrganizationId::DEFAULT));
        assert_eq!(list.search, "017");
    }

    #[test]
    fn the_statuses_are_those_of_a_sim_and_missing() {
        let mut known = domain::SimStatus::ALL.map(domain::SimStatus::word).to_vec();
        known.push("Missing");
        known.sort_unstable();
        let mut listed = ListStatus::WORDS.to_vec();
        listed.sort_unstable();
        assert_eq!(listed, known);
        assert_eq!(read("status=Missing").unwrap().status, "Missing");
    }

    #[test]
    fn a_search_has_the_bounds_of_sim_service() {
        let accepted = |length: usize| read(&format!("search={}", "x".repeat(length))).is_ok();
        assert_eq!([2, 3, 100, 101].map(accepted), [false, true, true, false]);
        for bad in ["search=%20ab%20", "search=ab%00c"] {
            assert_eq!(read(bad).unwrap_err().fields[0].0, "search", "{bad}");
        }
        assert_eq!(read("search=%20%20").unwrap().search, "");
    }

    #[test]
    fn every_bad_parameter_is_named_at_once() {
        let query = "page=0&page_size=101&status=enabled&organization_id=x&tag=%00&search=aaa&search=b\
                     &sort_by=imei&sort_order=up&colour=red";
        let error = read(query).unwrap_err();
        let mut names: Vec<_> = error.fields.iter().map(|(field, _)| field.as_str()).collect();
        names.sort_unstable();
        let expected = [
            "colour",
            "organization_id",
            "page",
            "page_size",
            "search",
            "sort_by",
            "sort_order",
            "status",
            "tag",
        ];
        assert_eq!(names, expected);
        assert!(read("page=2&cursor=c").is_err());
    }

    #[test]
    fn a_page_knows_its_neighbours() {
        let found = |total, next: &str| ListSimsResponse {
            total,
            next_cursor: next.to_owned(),
            ..ListSimsResponse::default()
        };
        let list = read("page=2&page_size=10").unwrap();
        let page = pagination(&list, &found(21, "c"));
        assert_eq!((page.total_pages, page.has_prev, page.page), (3, true, Some(2)));
        let list = read("cursor=c").unwrap();
        let page = pagination(&list, &found(0, ""));
        assert_eq!((page.total_pages, page.page, page.next_cursor), (0, None, None));
    }
}
