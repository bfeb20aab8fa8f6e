use std::borrow::Cow;

use serde_json::Value;
use utoipa::PartialSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, Type};

use super::Field;
use crate::rest::frame::faults::Faults;
use crate::wire::word::{OneOf, Word, all_words};

impl<T: OneOf> Field for Word<T> {
    fn rule() -> Cow<'static, str> {
        format!("is one of {}", all_words::<T>().join(", ")).into()
    }

    fn schema() -> RefOr<Schema> {
        <Self as PartialSchema>::schema()
    }

    fn read(value: &Value) -> Option<Self> {
        Self::parse(value.as_str()?)
    }

    fn parse(text: &str) -> Option<Self> {
        T::all().into_iter().find(|one| one.word() == text).map(Self)
    }

    fn empty_is_absent() -> bool {
        true
    }
}

/// The same where a word holds when none is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WordOr<T>(pub T);

impl<T: OneOf> Field for WordOr<T> {
    fn rule() -> Cow<'static, str> {
        Word::<T>::rule()
    }

    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String);
        let default = T::or().map(|word| Value::from(word.word()));
        Schema::from(text.enum_values(Some(all_words::<T>())).default(default)).into()
    }

    fn read(value: &Value) -> Option<Self> {
        Word::read(value).map(|word| Self(word.0))
    }

    /// An empty parameter is none.
    fn parse(text: &str) -> Option<Self> {
        match text {
            "" => Self::absent(),
            text => Word::parse(text).map(|word| Self(word.0)),
        }
    }

    fn absent() -> Option<Self> {
        T::or().map(Self)
    }

    fn empty_is_absent() -> bool {
        true
    }
}

/// A list of words, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words<T>(pub Vec<T>);

impl<T: OneOf> Field for Words<T> {
    fn rule() -> Cow<'static, str> {
        format!("is a list of at least one of {}", all_words::<T>().join(", ")).into()
    }

    fn schema() -> RefOr<Schema> {
        let list = ArrayBuilder::new()
            .items(<Word<T> as Field>::schema())
            .min_items(Some(1));
        Schema::from(list).into()
    }

    fn read(value: &Value) -> Option<Self> {
        let given = value.as_array().filter(|words| !words.is_empty())?;
        let words = given.iter().map(|word| Some(Word::read(word)?.0));
        words.collect::<Option<_>>().map(Self)
    }
}

/// A list of values, each at its own place in faults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List<T, const MIN: usize, const MAX: usize>(pub Vec<T>);

impl<T: Field, const MIN: usize, const MAX: usize> Field for List<T, MIN, MAX> {
    fn rule() -> Cow<'static, str> {
        format!("is a list of {MIN} to {MAX} entries").into()
    }

    fn schema() -> RefOr<Schema> {
        let list = ArrayBuilder::new()
            .items(T::schema())
            .min_items((MIN > 0).then_some(MIN))
            .max_items(Some(MAX));
        Schema::from(list).into()
    }

    fn read(value: &Value) -> Option<Self> {
        Self::collect("", value.clone(), &mut Faults::default())
    }

    fn collect(at: &str, value: Value, faults: &mut Faults) -> Option<Self> {
        let values = match value {
            Value::Array(values) if (MIN..=MAX).contains(&values.len()) => values,
            _ => {
                faults.add(at, Self::rule());
                return None;
            }
        };
        let mut all = Some(Vec::with_capacity(values.len()));
        for (place, value) in values.into_iter().enumerate() {
            let one = T::collect(&format!("{at}[{place}]"), value, faults);
            all = all.zip(one).map(|(mut list, one)| {
                list.push(one);
                list
            });
        }
        all.map(Self)
    }
}
