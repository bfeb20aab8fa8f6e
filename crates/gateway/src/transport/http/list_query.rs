use domain::OrganizationId;
use utoipa::IntoParams;
use utoipa::openapi::schema::Object;
use uuid::Uuid;

use super::docs_examples::words;
use super::envelope::Pagination;
use super::params::{Faults, Params};
use crate::app::list_sims::ListSims;
use crate::error::ApiError;

const NAMES: [&str; 9] = [
    "page",
    "page_size",
    "cursor",
    "status",
    "organization_id",
    "tag",
    "search",
    "sort_by",
    "sort_order",
];
pub(super) const STATUSES: [&str; 5] = ["Enabled", "Disabled", "Expired", "Unknown", "Missing"];
const SORTS: [&str; 5] = ["iccid", "label", "status", "created_at", "updated_at"];
const ORDERS: [&str; 2] = ["asc", "desc"];
const CURSOR_CHARS: usize = 4096;
pub(super) const TAG_CHARS: usize = 64;
/// Shorter searches match too much to be of use; sim-service has the same bounds.
pub(super) const SEARCH_CHARS: std::ops::RangeInclusive<usize> = 3..=100;

/// For the documentation; `read` is what counts.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "its fields are the documented parameters")]
pub struct ListParams {
    /// 1-based. Pages reach 10,000 rows, beyond which it is refused with 422; in order of ICCID, and filtered by
    /// nothing but status and organization, they reach the end of the list. Cursors always do.
    #[param(minimum = 1, default = 1)]
    page: Option<u32>,
    /// How many SIMs one page shows.
    #[param(minimum = 1, maximum = 100, default = 50)]
    page_size: Option<u32>,
    /// `next_cursor` of an earlier answer; instead of `page`.
    #[param(max_length = 4096)]
    cursor: Option<String>,
    /// `Missing`: SIMs that 1NCE does not list any more. They are listed with this word only.
    #[param(schema_with = statuses)]
    status: Option<String>,
    /// For keys of the whole platform.
    #[param(format = Uuid)]
    organization_id: Option<String>,
    #[param(max_length = 64)]
    tag: Option<String>,
    /// A part of ICCID, label, IMEI, MSISDN or IP address; spaces around it do not count.
    #[param(min_length = 3, max_length = 100)]
    search: Option<String>,
    #[param(schema_with = sorts)]
    sort_by: Option<String>,
    #[param(schema_with = orders)]
    sort_order: Option<String>,
}

pub(super) fn statuses() -> Object {
    words(&STATUSES, None)
}

fn sorts() -> Object {
    words(&SORTS, Some("iccid"))
}

fn orders() -> Object {
    words(&ORDERS, Some("asc"))
}

/// Reads the list's parameters; names every bad one.
pub fn read(query: &str) -> Result<ListSims, ApiError> {
    read_of(query, &NAMES)
}

/// The same where only these parameters are known.
pub(super) fn read_of(query: &str, names: &[&str]) -> Result<ListSims, ApiError> {
    let mut faults = Faults::default();
    let params = Params::read(query, names, &mut faults);
    let organization = params.get("organization_id").map(Uuid::parse_str);
    if let Some(Err(_)) = organization {
        faults.add("organization_id", "is a UUID");
    }
    if params.get("cursor").is_some() && params.get("page").is_some() {
        faults.add("page", "cannot be given together with a cursor");
    }
    let list = ListSims {
        page: params.number("page", 1, 1..=u32::MAX, &mut faults),
        page_size: params.number("page_size", 50, 1..=100, &mut faults),
        cursor: params.text("cursor", CURSOR_CHARS, &mut faults),
        status: params.word("status", &STATUSES, &mut faults),
        organization: organization.and_then(Result::ok).map(OrganizationId),
        tag: params.text("tag", TAG_CHARS, &mut faults),
        search: search(&params, &mut faults),
        sort_by: params.word("sort_by", &SORTS, &mut faults),
        descending: params.word("sort_order", &ORDERS, &mut faults) == "desc",
    };
    faults.or(list)
}

/// The search without the spaces around it; empty when there is none.
fn search(params: &Params, faults: &mut Faults) -> String {
    let text = params.get("search").unwrap_or_default().trim();
    let fits = SEARCH_CHARS.contains(&text.to_lowercase().chars().count());
    if !text.is_empty() && (!fits || text.chars().any(char::is_control)) {
        faults.add(
            "search",
            "has 3 to 100 characters, none of them a control character",
        );
    }
    text.to_owned()
}

/// Where the answered page stands.
pub fn pagination(
    list: &ListSims,
    total: u64,
    total_is_capped: bool,
    has_next: bool,
    next_cursor: String,
) -> Pagination {
    let by_cursor = !list.cursor.is_empty();
    Pagination {
        total,
        total_is_capped,
        page: (!by_cursor).then_some(list.page),
        page_size: list.page_size,
        total_pages: total.div_ceil(u64::from(list.page_size.max(1))),
        has_next,
        has_prev: by_cursor || list.page > 1,
        next_cursor: (!next_cursor.is_empty()).then_some(next_cursor),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let mut listed = STATUSES;
        listed.sort_unstable();
        assert_eq!(listed, *known);
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
        let list = read("page=2&page_size=10").unwrap();
        let page = pagination(&list, 21, false, true, "c".into());
        assert_eq!((page.total_pages, page.has_prev, page.page), (3, true, Some(2)));
        let list = read("cursor=c").unwrap();
        let page = pagination(&list, 0, false, false, String::new());
        assert_eq!((page.total_pages, page.page, page.next_cursor), (0, None, None));
    }
}
