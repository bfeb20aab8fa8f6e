use proptest::prelude::*;

use super::*;
use crate::rest::sims::export;

const ICCID: &str = "8988999000000000017";

fn parts(body: &[u8]) -> Result<Vec<Part>, Stop> {
    let mut parts = Vec::new();
    read(body, |part| {
        parts.push(part);
        true
    })?;
    Ok(parts)
}

fn lines(body: &[u8]) -> Vec<pb::ImportLine> {
    let parts = parts(body).unwrap_or_else(|stop| panic!("{stop:?}"));
    let lines = parts.into_iter().filter_map(|part| match part {
        Part::Lines(lines) => Some(lines),
        _ => None,
    });
    lines.flatten().collect()
}

fn bad_fields(body: &[u8]) -> Vec<(String, String)> {
    match parts(body) {
        Err(Stop::Fault(error)) => error.fields,
        other => panic!("accepted: {other:?}"),
    }
}

#[test]
fn a_column_that_is_absent_changes_nothing_and_an_empty_cell_empties() {
    let body = format!("iccid,label\n{ICCID},pump\n89889990000000000176,\n");
    let found = lines(body.as_bytes());
    let change = |label: &str| pb::SimChange {
        label: Some(label.to_owned()),
        ..pb::SimChange::default()
    };
    assert_eq!(found[0].change, Some(change("pump")));
    assert_eq!((found[1].iccid.as_str(), found[1].line), (ICCID, 2));
    assert_eq!(found[1].change, Some(change("")));

    let body = format!("tags,iccid,metadata\n,{ICCID},\n");
    let change = lines(body.as_bytes()).remove(0).change.unwrap();
    assert_eq!(change.tags, Some(pb::TagList::default()));
    assert_eq!(change.metadata_json.as_deref(), Some("{}"));
    assert_eq!(change.label, None);
}

#[test]
fn the_head_tells_the_delimiter_and_may_begin_with_a_mark() {
    for (bom, end) in [("", "\n"), ("\u{feff}", "\r\n"), ("\u{feff}", "\r")] {
        let body = format!("{bom}iccid;label{end}{ICCID};\"a,b;c\"{end}");
        let found = lines(body.as_bytes());
        assert_eq!(found.len(), 1, "{body:?}");
        assert_eq!(found[0].change.as_ref().unwrap().label.as_deref(), Some("a,b;c"));
    }
}

#[test]
fn every_bad_column_is_named_at_once() {
    let mut fields: Vec<String> = bad_fields(b"label,label,colour,,status\nx\n")
        .into_iter()
        .map(|(field, _)| field)
        .collect();
    fields.sort();
    assert_eq!(fields, ["body", "colour", "iccid", "label"]);
}

#[test]
fn a_file_without_lines_is_none() {
    for body in [b"".as_slice(), b"iccid\n", b"iccid,label", b"\xff\xfe\n1\n"] {
        assert!(!bad_fields(body).is_empty(), "{body:?}");
    }
    let long = vec![b'x'; HEAD_BYTES + 2048];
    assert_eq!(bad_fields(&long)[0].0, "body");
}

#[test]
fn each_bad_line_has_its_number_and_reason() {
    let long = "x".repeat(256);
    let tags = vec!["t"; 51].join("|");
    let big = format!("{{\"k\":\"{}\"}}", "x".repeat(METADATA_BYTES)).replace('"', "\"\"");
    let cases = [
        (ICCID.to_owned(), "has 1 cells, the head has 4"),
        (format!("{ICCID},a,b,{{}},c"), "has 5 cells, the head has 4"),
        ("17,a,b,{}".to_owned(), "iccid an ICCID has 19 digits"),
        (
            "89889990000000000177,a,b,{}".to_owned(),
            "check digit of the ICCID is wrong",
        ),
        (format!("{ICCID},{long},b,{{}}"), "label is a text of at most 255"),
        (format!("{ICCID},a,{tags},{{}}"), "tags has at most 50"),
        (format!("{ICCID},a,b||c,{{}}"), "tags[1] is a text of 1 to 64"),
        (format!("{ICCID},a,b,{{"), "metadata is no JSON"),
        (format!("{ICCID},a,b,[]"), "metadata is a JSON object"),
        (
            format!("{ICCID},a,b,\"{big}\""),
            "metadata has at most 16384 bytes",
        ),
    ];
    let rows: Vec<&str> = cases.iter().map(|(row, _)| row.as_str()).collect();
    let mut body = format!("iccid,label,tags,metadata\n{}\n", rows.join("\n")).into_bytes();
    body.extend_from_slice(format!("{ICCID},\u{0}").as_bytes());
    body.extend_from_slice(b"\xff,b,{}\n");
    let found = lines(&body);
    for ((row, reason), line) in cases.iter().zip(&found) {
        assert!(line.error.contains(reason), "{row}: {}", line.error);
        assert_eq!(line.change, None);
    }
    let last = found.last().unwrap();
    assert_eq!((last.line, last.error.as_str()), (11, "is no UTF-8"));
    assert_eq!((found[2].iccid.as_str(), found[2].line), ("17", 3));
    // All reasons of a line are told.
    let both = lines(format!("iccid,label\n17,{long}\n").as_bytes())
        .remove(0)
        .error;
    assert!(both.contains("iccid ") && both.contains("; label "), "{both}");
}

#[test]
fn a_cell_that_is_no_iccid_is_kept_in_short() {
    let body = format!("iccid\n{}\n", "9".repeat(100_000));
    assert_eq!(lines(body.as_bytes())[0].iccid.len(), ECHO);
}

#[test]
fn parts_stay_within_lines_and_bytes() {
    let small = format!("iccid\n{}", format!("{ICCID}\n").repeat(1001));
    let metadata = format!("\"{{\"\"k\"\":\"\"{}\"\"}}\"", "x".repeat(METADATA_BYTES - 8));
    let large = format!("iccid,metadata\n{}", format!("{ICCID},{metadata}\n").repeat(60));
    for (body, count) in [(small, 3), (large, 3)] {
        let parts = parts(body.as_bytes()).unwrap_or_else(|stop| panic!("{stop:?}"));
        let mut sizes = Vec::new();
        for part in parts {
            if let Part::Lines(lines) = part {
                assert!(
                    lines.iter().all(|line| line.error.is_empty()),
                    "{}",
                    lines[0].error
                );
                let request = pb::AddJobItemsRequest {
                    lines,
                    ..pb::AddJobItemsRequest::default()
                };
                assert!(request.encoded_len() <= PART_BYTES && request.lines.len() <= PART_LINES);
                sizes.push(request.lines.len());
            }
        }
        assert_eq!(sizes.len(), count, "{sizes:?}");
    }
}

#[test]
fn there_are_at_most_two_hundred_thousand_lines() {
    let file = |lines: usize| format!("iccid\n{}", format!("{ICCID}\n").repeat(lines));
    let parts = parts(file(200_000).as_bytes()).unwrap_or_else(|stop| panic!("{stop:?}"));
    assert!(matches!(parts.last(), Some(Part::End(200_000))));
    assert_eq!(
        bad_fields(file(200_001).as_bytes())[0].1,
        "has at most 200000 lines"
    );
}

#[test]
fn metadata_keeps_its_numbers() {
    let body = format!("iccid,metadata\n{ICCID},{{\"n\":12345678901234567890123}}\n");
    let change = lines(body.as_bytes()).remove(0).change.unwrap();
    assert_eq!(
        change.metadata_json.as_deref(),
        Some(r#"{"n":12345678901234567890123}"#)
    );
    let spaced = format!(
        "iccid,metadata\n{ICCID},{{{}\"\"\"\":1}}\n",
        " ".repeat(METADATA_BYTES)
    );
    let line = lines(spaced.replace(",{", ",\"{").replace("1}", "1}\"").as_bytes()).remove(0);
    assert_eq!(line.change.unwrap().metadata_json.as_deref(), Some(r#"{"":1}"#));
}

#[test]
fn reading_ends_when_nobody_wants_more() {
    let body = format!("iccid\n{ICCID}\n");
    let outcome = read(body.as_bytes(), |_| false);
    assert!(matches!(outcome, Err(Stop::Gone)));
}

fn sims() -> impl Strategy<Value = Vec<(String, Vec<String>, String)>> {
    let text = r#"(['=+@|\\;,"é💡-]|[ -~]){1,20}"#;
    let tag = text.prop_filter("is not blank", |tag: &String| !tag.trim().is_empty());
    let sim = (text, proptest::collection::vec(tag, 0..5), text);
    proptest::collection::vec(sim, 1..20)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_bytes_break_it(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut body = b"iccid,label,tags,metadata\n".to_vec();
        body.extend_from_slice(&bytes);
        for body in [bytes, body] {
            if let Ok(parts) = parts(&body) {
                let ended = matches!(parts.last(), Some(Part::End(_)));
                prop_assert!(ended);
            }
        }
    }

    #[test]
    fn an_export_is_read_back_as_it_was(sims in sims()) {
        let sims: Vec<pb::Sim> = sims.into_iter().map(|(label, mut tags, value)| {
            let mut known = std::collections::HashSet::new();
            tags.retain(|tag| known.insert(tag.clone()));
            pb::Sim {
                iccid: ICCID.to_owned(),
                label: Some(label),
                tags,
                metadata_json: serde_json::json!({ "k": value }).to_string(),
                provider_status: "=2+5".to_owned(),
                ..pb::Sim::default()
            }
        }).collect();
        let text = export::rows(true, sims.clone()).unwrap();
        for (line, sim) in lines(&text).into_iter().zip(sims) {
            let expected = pb::SimChange {
                label: sim.label,
                tags: Some(pb::TagList { tags: sim.tags }),
                metadata_json: Some(sim.metadata_json),
                ..pb::SimChange::default()
            };
            prop_assert_eq!((line.error.as_str(), line.change), ("", Some(expected)));
        }
    }

    #[test]
    fn a_cell_of_several_lines_is_one_line(text in "[a-z\n\"]{1,20}", other in "[a-z]{1,5}") {
        let quoted = text.replace('"', "\"\"");
        let body = format!("iccid,metadata\n17,\"{quoted}\"\n{ICCID},{{\"{other}\":1}}\n");
        let found = lines(body.as_bytes());
        prop_assert_eq!(found.len(), 2);
        prop_assert_eq!(found[1].line, 2);
    }
}
