use super::*;
use crate::rest::frame::query::pairs;
use serde_json::json;

words! {
    /// How much it matters.
    enum Severity as "Severity" { Low = "low", High = "high" }
}

fields! {
    /// Which.
    struct Params {
        r#type: Option<Text<1, 8>>,
        severity: Option<Word<Severity>>,
    }
}

fields! {
    /// One or the other.
    struct Choice: choice {
        ids: Option<Text<1, 8>>,
        all: Option<Flag>,
    }
}

fn params(query: &str) -> Result<Params, Faults> {
    let mut faults = Faults::default();
    let mut source = Source::Query(pairs(query, Params::NAMES, &mut faults));
    Params::take(&mut source, &mut faults).ok_or(faults)
}

#[test]
fn a_field_may_be_called_like_a_word_of_rust() {
    assert_eq!(Params::NAMES, ["type", "severity"]);
    assert_eq!(params("type=a").unwrap().r#type, Some(Text("a".to_owned())));
    assert_eq!(Params::describe()[0].name, "type");
}

#[test]
fn a_parameter_of_words_that_is_empty_is_absent() {
    assert_eq!(params("severity=").unwrap().severity, None);
    assert_eq!(
        params("severity=high").unwrap().severity,
        Some(Word(Severity::High))
    );
    assert!(params("severity=middling").is_err());
    assert!(params("type=").is_err());
}

#[test]
fn of_fields_that_exclude_each_other_there_is_one() {
    let read = |value: Value| {
        let mut faults = Faults::default();
        let choice = Source::read::<Choice>(value.as_object().unwrap().clone(), "", &mut faults);
        faults.or(()).map(|()| choice.unwrap())
    };
    assert!(read(json!({ "ids": "7" })).unwrap().all.is_none());
    assert!(read(json!({ "all": true })).unwrap().ids.is_none());
    for bad in [json!({}), json!({ "ids": "7", "all": true })] {
        let error = read(bad).unwrap_err();
        assert_eq!(
            error.fields,
            [("body".to_owned(), "has one of ids, all".to_owned())]
        );
    }
    let schema = serde_json::to_value(component::<Choice>()).unwrap();
    assert_eq!(
        (&schema["minProperties"], &schema["maxProperties"]),
        (&json!(1), &json!(1))
    );
}
