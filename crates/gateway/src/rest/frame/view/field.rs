use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use chrono::{DateTime, NaiveDate, Utc};
use messages::Timestamp;
use serde::de::IgnoredAny;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use utoipa::PartialSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    ArrayBuilder, KnownFormat, ObjectBuilder, Schema, SchemaFormat, SchemaType, Type,
};
use uuid::Uuid;

use super::{Of, ViewField, referred};
use crate::rest::frame::example::TIME;
use crate::rest::frame::said::Component;
use crate::rest::frame::schema::nullable;
use crate::wire::word::{OneOf, Word};

macro_rules! numbers {
    ($($type:ty),*) => { $(
        impl ViewField for $type {
            fn place_schema(_: &mut Vec<Component>) -> RefOr<Schema> {
                <$type as PartialSchema>::schema()
            }

            fn example() -> Value {
                json!(<$type>::default())
            }
        }
    )* };
}

numbers!(bool, u32, u64, i32, i64, f64);

impl ViewField for String {
    fn place_schema(_: &mut Vec<Component>) -> RefOr<Schema> {
        <String as PartialSchema>::schema()
    }

    fn example() -> Value {
        json!("text")
    }
}

impl ViewField for &'static str {
    fn place_schema(components: &mut Vec<Component>) -> RefOr<Schema> {
        String::place_schema(components)
    }

    fn example() -> Value {
        String::example()
    }
}

impl ViewField for Uuid {
    fn place_schema(_: &mut Vec<Component>) -> RefOr<Schema> {
        text_of(KnownFormat::Uuid)
    }

    fn example() -> Value {
        json!("019cf7a0-0000-7000-8000-000000000004")
    }
}

impl ViewField for Timestamp {
    fn place_schema(_: &mut Vec<Component>) -> RefOr<Schema> {
        text_of(KnownFormat::DateTime)
    }

    fn example() -> Value {
        json!(TIME)
    }
}

impl ViewField for DateTime<Utc> {
    fn place_schema(components: &mut Vec<Component>) -> RefOr<Schema> {
        Timestamp::place_schema(components)
    }

    fn example() -> Value {
        Timestamp::example()
    }
}

impl ViewField for NaiveDate {
    fn place_schema(_: &mut Vec<Component>) -> RefOr<Schema> {
        text_of(KnownFormat::Date)
    }

    fn example() -> Value {
        json!("2026-06-30")
    }
}

fn text_of(format: KnownFormat) -> RefOr<Schema> {
    let text = ObjectBuilder::new().schema_type(Type::String);
    text.format(Some(SchemaFormat::KnownFormat(format))).into()
}

impl<T: ViewField> ViewField for Option<T> {
    fn place_schema(components: &mut Vec<Component>) -> RefOr<Schema> {
        nullable(T::place_schema(components))
    }

    fn example() -> Value {
        Value::Null
    }
}

impl<T: ViewField> ViewField for Vec<T> {
    fn place_schema(components: &mut Vec<Component>) -> RefOr<Schema> {
        ArrayBuilder::new().items(T::place_schema(components)).into()
    }

    fn example() -> Value {
        json!([T::example()])
    }
}

impl<T: ViewField> ViewField for BTreeMap<String, T> {
    fn place_schema(components: &mut Vec<Component>) -> RefOr<Schema> {
        let object = ObjectBuilder::new().property_names(Some(String::place_schema(components)));
        object
            .additional_properties(Some(T::place_schema(components)))
            .into()
    }

    fn example() -> Value {
        json!({})
    }
}

impl ViewField for Value {
    fn place_schema(_: &mut Vec<Component>) -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::Object))
            .into()
    }

    fn example() -> Value {
        json!({})
    }
}

impl<T: OneOf> Serialize for Word<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.word())
    }
}

impl<T: OneOf> ViewField for Word<T> {
    fn place_schema(components: &mut Vec<Component>) -> RefOr<Schema> {
        referred::<Self>(components)
    }

    fn example() -> Value {
        json!(T::all().first().map(|one| one.word()))
    }
}

/// A word of `T` as a service or a row tells it.
pub struct Told<T>(String, PhantomData<T>);

impl<T> fmt::Display for Told<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl<T> fmt::Debug for Told<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl<T> Clone for Told<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

impl<T> Serialize for Told<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<T: OneOf> ViewField for Told<T> {
    fn place_schema(components: &mut Vec<Component>) -> RefOr<Schema> {
        Word::<T>::place_schema(components)
    }

    fn example() -> Value {
        Word::<T>::example()
    }
}

impl<T> Of<String> for Told<T> {
    fn of(source: String) -> Self {
        Self(source, PhantomData)
    }
}

/// A day as a service tells it: `YYYY-MM-DD`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ToldDay(pub String);

impl ViewField for ToldDay {
    fn place_schema(components: &mut Vec<Component>) -> RefOr<Schema> {
        NaiveDate::place_schema(components)
    }

    fn example() -> Value {
        NaiveDate::example()
    }
}

impl Of<String> for ToldDay {
    fn of(source: String) -> Self {
        Self(source)
    }
}

/// A JSON object as a service tells it. A text that is none costs only itself: it is shown in `undecodable`.
#[derive(Debug, Serialize)]
pub struct JsonObject(Box<RawValue>);

impl ViewField for JsonObject {
    fn place_schema(components: &mut Vec<Component>) -> RefOr<Schema> {
        Value::place_schema(components)
    }

    fn example() -> Value {
        json!({})
    }
}

impl Of<String> for JsonObject {
    fn of(source: String) -> Self {
        let is_object = serde_json::from_str::<BTreeMap<String, IgnoredAny>>(&source).is_ok();
        let text = if is_object {
            source
        } else {
            json!({ "undecodable": source }).to_string()
        };
        Self(RawValue::from_string(text).unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_no_object_is_shown_as_it_is() {
        let shown = |text: &str| serde_json::to_string(&JsonObject::of(text.to_owned())).unwrap();
        assert_eq!(shown(r#"{"a":1.0}"#), r#"{"a":1.0}"#);
        assert_eq!(shown(r#"{"a":"#), r#"{"undecodable":"{\"a\":"}"#);
        assert_eq!(shown("[]"), r#"{"undecodable":"[]"}"#);
    }
}
