//! Columns and cells of exported and imported SIMs: what export writes, import reads back as it was.

use std::borrow::Cow;

/// Those that an import changes, then every flat field of a SIM.
pub const COLUMNS: [&str; 27] = [
    "iccid",
    "label",
    "tags",
    "metadata",
    "iccid_with_luhn",
    "imsi",
    "imsi_2",
    "current_imsi",
    "msisdn",
    "status",
    "provider_status",
    "ip_address",
    "imei",
    "imei_lock",
    "account",
    "organization_id",
    "current_rat",
    "current_country",
    "current_operator",
    "activation_date",
    "data_quota_status",
    "sms_quota_status",
    "created_at",
    "updated_at",
    "last_synced_at",
    "missing_since",
    "revision",
];

/// What a spreadsheet takes for the beginning of a formula, and the apostrophe that says it is none.
const GUARDED: [char; 7] = ['=', '+', '-', '@', '\'', '\t', '\r'];

/// The cell as it is written: an apostrophe before what a spreadsheet would carry out.
pub fn guarded(cell: &str) -> Cow<'_, str> {
    if cell.starts_with(GUARDED) {
        Cow::Owned(format!("'{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}

/// The cell as it was before it was written.
pub fn unguarded(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if rest.starts_with(GUARDED) => rest,
        _ => cell,
    }
}

/// Tags in one cell, with `|` between them; a `|` or `\` of a tag has a `\` before it.
pub fn join_tags(tags: &[String]) -> String {
    let escaped = tags
        .iter()
        .map(|tag| tag.replace('\\', r"\\").replace('|', r"\|"));
    escaped.collect::<Vec<_>>().join("|")
}

/// The tags in a cell; none in an empty one.
pub fn split_tags(cell: &str) -> Vec<String> {
    if cell.is_empty() {
        return Vec::new();
    }
    let (mut tags, mut tag) = (Vec::new(), String::new());
    let mut chars = cell.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\\' => tag.push(chars.next_if(|next| matches!(next, '\\' | '|')).unwrap_or('\\')),
            '|' => tags.push(std::mem::take(&mut tag)),
            char => tag.push(char),
        }
    }
    tags.push(tag);
    tags
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_formula_gets_an_apostrophe_and_loses_it_again() {
        for cell in ["=1+1", "+49", "-1", "@a", "'quoted", "\ttab", "\rreturn", "''"] {
            assert_eq!(guarded(cell), format!("'{cell}"));
            assert_eq!(unguarded(&guarded(cell)), cell);
        }
        for cell in ["", "plain", "1=1", " =1"] {
            assert_eq!(guarded(cell), cell);
        }
        assert_eq!(unguarded("'typed by hand"), "'typed by hand");
    }

    #[test]
    fn tags_are_split_where_no_backslash_stands() {
        assert_eq!(split_tags(""), Vec::<String>::new());
        assert_eq!(
            split_tags(r"a|b c|d\|e|f\\|\g"),
            ["a", "b c", "d|e", r"f\", r"\g"]
        );
        assert_eq!(split_tags("a|"), ["a", ""]);
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_read_back(cell in ".*", tags in proptest::collection::vec(r"[a|\\=' é]{1,8}", 0..6)) {
            let written = guarded(&cell);
            prop_assert_eq!(unguarded(&written), cell.as_str());
            prop_assert_eq!(split_tags(&join_tags(&tags)), tags);
        }
    }
}
