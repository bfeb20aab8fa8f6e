use uuid::Uuid;

use super::answer::Listed;
use super::fields::{PageSize, fields};

fields! {
    /// A page behind the row with this id.
    pub struct AfterId {
        page_size: PageSize,
        /// `next_cursor` of an earlier answer.
        cursor: Option<Uuid>,
    }
}

impl AfterId {
    pub fn after(&self) -> Option<Uuid> {
        self.cursor
    }

    /// One row more than the page shows tells whether there are more.
    pub fn limit(&self) -> u64 {
        u64::from(self.page_size.get()) + 1
    }

    /// The page, cut out of what was found.
    pub fn cut<R, V: From<R>>(&self, mut rows: Vec<R>, id: impl Fn(&R) -> Uuid) -> Listed<V> {
        let page_size = self.page_size.get();
        let has_next = rows.len() > page_size as usize;
        rows.truncate(page_size as usize);
        let last = rows.last().filter(|_| has_next);
        let next_cursor = last.map(|row| id(row).to_string()).unwrap_or_default();
        Listed {
            rows: rows.into_iter().map(V::from).collect(),
            page_size,
            next_cursor,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rest::frame::query::read;

    #[test]
    fn a_full_page_leads_on_and_the_last_one_does_not() {
        let page = read::<AfterId>("page_size=2").unwrap();
        assert_eq!(page.limit(), 3);
        let ids = |count: u128| (1..=count).map(Uuid::from_u128).collect::<Vec<_>>();
        let cut: Listed<Uuid> = page.cut(ids(3), |id| *id);
        assert_eq!(
            (cut.rows, cut.next_cursor.clone()),
            (ids(2), ids(2)[1].to_string())
        );
        let page = read::<AfterId>(&format!("page_size=2&cursor={}", cut.next_cursor)).unwrap();
        assert_eq!(page.after(), Some(Uuid::from_u128(2)));
        assert_eq!(page.cut::<_, Uuid>(ids(2), |id| *id).next_cursor, "");
    }

    #[test]
    fn bad_parameters_are_named_at_once() {
        let error = read::<AfterId>("page_size=101&cursor=x&page=1").unwrap_err();
        assert_eq!(error.fields.len(), 3);
    }
}
