use domain::{ListStatus, SimSort};
use messages::pb::sim::ListSimsRequest;

use super::App;
use crate::error::AppError;
use crate::store::{ListFilter, ListPage, Scope, SimList, SimListPage};

/// Shorter searches match too much to be of use.
const MIN_SEARCH: usize = 3;
const MAX_SEARCH: usize = 100;
/// Rows of one page; an answer is also cut by its bytes.
const MOST_ROWS: u32 = 1_000;

impl App {
    /// A page of SIMs.
    ///
    /// # Errors
    /// [`AppError::Invalid`] names every parameter that was not accepted.
    pub async fn list_sims(&self, scope: Scope, request: &ListSimsRequest) -> Result<SimListPage, AppError> {
        let list = read_request(scope, request)?;
        Ok(self.store.list_sims(&list).await?)
    }
}

fn read_request(scope: Scope, request: &ListSimsRequest) -> Result<SimList, AppError> {
    let mut wrong = Vec::new();
    let mut refuse = |field: &str, reason: &str| wrong.push((field.to_owned(), reason.to_owned()));
    let status = match request.status.as_str() {
        "" => None,
        word => ListStatus::from_any_case(word).or_else(|| {
            refuse("status", "is Enabled, Disabled, Expired, Unknown or Missing");
            None
        }),
    };
    let sort = match request.sort_by.as_str() {
        "" => SimSort::Iccid,
        word => SimSort::from_word(word).unwrap_or_else(|| {
            refuse("sort_by", "is iccid, label, status, created_at or updated_at");
            SimSort::Iccid
        }),
    };
    let search = Some(request.search.trim().to_lowercase()).filter(|text| !text.is_empty());
    if let Some(reason) = search.as_deref().and_then(check_search) {
        refuse("search", reason);
    }
    if !(1..=MOST_ROWS).contains(&request.page_size) {
        refuse("page_size", "is 1 to 1000");
    }
    if request.page == 0 && request.cursor.is_empty() {
        refuse("page", "begins at 1");
    }
    if !wrong.is_empty() {
        return Err(AppError::Invalid(wrong));
    }
    let page = if request.cursor.is_empty() {
        ListPage::Number(request.page.into())
    } else {
        ListPage::After(request.cursor.clone())
    };
    let tag = Some(request.tag.clone()).filter(|tag| !tag.is_empty());
    let filter = ListFilter { status, tag, search };
    Ok(SimList {
        scope,
        filter,
        sort,
        descending: request.descending,
        page,
        size: request.page_size.into(),
    })
}

/// What is wrong with the text of a search.
pub(super) fn check_search(text: &str) -> Option<&'static str> {
    let fits = (MIN_SEARCH..=MAX_SEARCH).contains(&text.chars().count()) && !text.contains('\0');
    (!fits).then_some("has 3 to 100 characters")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bad_parameter_is_named_at_once() {
        let request = ListSimsRequest {
            page: 0,
            page_size: 1_001,
            status: "Gone".into(),
            sort_by: "colour".into(),
            search: "ab".into(),
            ..ListSimsRequest::default()
        };
        let Err(AppError::Invalid(fields)) = read_request(Scope::All, &request) else {
            panic!("accepted")
        };
        let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["status", "sort_by", "search", "page_size", "page"]);
    }
}
