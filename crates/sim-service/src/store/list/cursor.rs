//! Cursors: the sort key and number of the last row shown, in hexadecimal digits.

use std::fmt;

use domain::SimSort;

use super::{ListRow, Position, SimList};
use crate::store::PageError;
use crate::store::row::SimRow;

/// The place behind a row of a list. Its text is made when it is shown: one row of a page needs it.
#[derive(Debug)]
pub struct ListCursor {
    order: &'static str,
    direction: &'static str,
    position: Position,
}

impl fmt::Display for ListCursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Position { key, iccid } = &self.position;
        let text = format!("{}~{}~{iccid}~{key}", self.order, self.direction);
        text.bytes().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl SimList {
    /// Takes the row apart: the place behind it, and its SIM.
    pub(super) fn cursor_after(&self, row: ListRow) -> (ListCursor, SimRow) {
        let key = match self.sort {
            SimSort::Iccid => String::new(),
            SimSort::Label => row.sort_label,
            SimSort::Status => row.list_status.to_string(),
            SimSort::CreatedAt => row.sim.created_at.timestamp_micros().to_string(),
            SimSort::UpdatedAt => row.sim.updated_at.timestamp_micros().to_string(),
        };
        let iccid = row.sim.provider.iccid;
        let cursor = ListCursor {
            order: self.sort.word(),
            direction: self.direction(),
            position: Position { key, iccid },
        };
        (cursor, row.sim)
    }

    pub(super) fn read_cursor(&self, cursor: &str) -> Result<Position, PageError> {
        let text = unhex(cursor).ok_or_else(|| PageError::cursor("is not a cursor of this list"))?;
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
            _ => Err(PageError::cursor("belongs to a list with another order")),
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
    // PostgreSQL has no text with a zero byte.
    String::from_utf8(bytes?).ok().filter(|text| !text.contains('\0'))
}

#[cfg(test)]
mod tests {
    use super::super::{ListFilter, ListPage};
    use super::*;
    use crate::store::Scope;
    use proptest::prelude::*;

    fn list(sort: SimSort, descending: bool) -> SimList {
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
        let cursor = ListCursor {
            order: "label",
            direction: "ASC",
            position: Position {
                key: "pump".to_owned(),
                iccid: 8_988_999_000_000_000_017,
            },
        }
        .to_string();
        assert!(list(SimSort::Label, false).read_cursor(&cursor).is_ok());
        assert!(list(SimSort::Label, true).read_cursor(&cursor).is_err());
        assert!(list(SimSort::Iccid, false).read_cursor(&cursor).is_err());
    }

    proptest! {
        #[test]
        fn a_foreign_cursor_never_panics(cursor in "(\\PC*|[0-9a-f]*)") {
            if let Ok(position) = list(SimSort::Iccid, false).read_cursor(&cursor) {
                prop_assert!(unhex(&cursor).is_some_and(|text| text.contains(&position.iccid.to_string())));
            }
        }
    }
}
