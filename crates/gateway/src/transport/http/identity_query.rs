use actix_web::HttpRequest;
use utoipa::IntoParams;
use uuid::Uuid;

use super::params::{Faults, Params};
use crate::error::{ApiCode, ApiError};

/// For the documentation; `CursorPage::read` is what counts.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "its fields are the documented parameters")]
pub struct CursorParams {
    #[param(minimum = 1, maximum = 100, default = 50)]
    page_size: Option<u32>,
    /// `next_cursor` of an earlier answer.
    #[param(max_length = 64)]
    cursor: Option<String>,
}

/// A page behind a cursor, which is the id of the last row before it.
#[derive(Debug)]
pub struct CursorPage {
    pub size: u32,
    pub after: Option<Uuid>,
}

impl CursorPage {
    /// Reads `page_size` and `cursor`; names every bad one.
    pub fn read(query: &str) -> Result<Self, ApiError> {
        let mut faults = Faults::default();
        let params = Params::read(query, &["page_size", "cursor"], &mut faults);
        let size = params.number("page_size", 50, 1..=100, &mut faults);
        let after = params.get("cursor").map(Uuid::parse_str);
        if let Some(Err(_)) = after {
            faults.add("cursor", "is no cursor of this list");
        }
        let after = after.and_then(Result::ok);
        faults.or(Self { size, after })
    }

    /// One row more than the page shows tells whether there are more.
    pub fn limit(&self) -> u64 {
        u64::from(self.size) + 1
    }

    /// Cuts what was found to the page; the cursor behind it, empty at the end.
    pub fn cut<T>(&self, rows: &mut Vec<T>, id: impl Fn(&T) -> Uuid) -> String {
        let size = self.size as usize;
        if rows.len() <= size {
            return String::new();
        }
        rows.truncate(size);
        rows.last().map(|row| id(row).to_string()).unwrap_or_default()
    }
}

/// The id in the path; what is no id names nothing.
pub fn path_id(request: &HttpRequest) -> Result<Uuid, ApiError> {
    let text = request.match_info().get("id").unwrap_or_default();
    Uuid::parse_str(text).map_err(|_| ApiError::new(ApiCode::NotFound, "there is nothing with this id"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_page_leads_on_and_the_last_one_does_not() {
        let page = CursorPage::read("page_size=2").unwrap();
        assert_eq!(page.limit(), 3);
        let ids = |count: u128| (1..=count).map(Uuid::from_u128).collect::<Vec<_>>();
        let mut rows = ids(3);
        let next = page.cut(&mut rows, |id| *id);
        assert_eq!((rows, next.as_str()), (ids(2), ids(2)[1].to_string().as_str()));
        let page = CursorPage::read(&format!("page_size=2&cursor={next}")).unwrap();
        assert_eq!(page.after, Some(Uuid::from_u128(2)));
        assert_eq!(page.cut(&mut ids(2), |id| *id), "");
    }

    #[test]
    fn bad_parameters_are_named_at_once() {
        let error = CursorPage::read("page_size=101&cursor=x&page=1").unwrap_err();
        assert_eq!(error.fields.len(), 3);
    }
}
