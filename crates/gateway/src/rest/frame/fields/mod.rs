//! Fields of queries and bodies: types that read themselves and say what they accept.

mod both;
mod number;
#[cfg(test)]
mod tests;
mod text;
mod time;
mod word;

use std::borrow::Cow;

use serde_json::{Map, Value};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AdditionalProperties, Object, ObjectBuilder, Schema};

pub use crate::wire::word::{OneOf, Word};
pub(crate) use crate::wire::word::{one_of, words, words_of};
pub use both::Both;
pub use number::{Flag, Number, PageSize};
pub use text::{Cursor, Name, Slug, Text};
pub use time::{Day, Moment};
pub use word::{List, WordOr, Words};

use super::faults::Faults;
use super::schema;

/// The value of a field.
pub trait Field: Sized {
    /// What a value is, as it follows the field's name in a refusal: `is true or false`.
    fn rule() -> Cow<'static, str>;

    fn schema() -> RefOr<Schema>;

    /// The value in JSON; `None` when it breaks the rule.
    fn read(value: &Value) -> Option<Self>;

    /// The value in a query or a path.
    fn parse(text: &str) -> Option<Self> {
        Self::read(&Value::String(text.to_owned()))
    }

    /// What holds when the field is absent; `None`: it must not be.
    fn absent() -> Option<Self> {
        None
    }

    /// Whether a parameter without a text, as in `?status=`, counts as absent.
    fn empty_is_absent() -> bool {
        false
    }

    /// The value in JSON; each fault is added with its place, such as `tags[2]`.
    fn collect(at: &str, value: Value, faults: &mut Faults) -> Option<Self> {
        let read = Self::read(&value);
        if read.is_none() {
            faults.add(at, Self::rule());
        }
        read
    }
}

/// A field that may be null.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nullable<T>(pub Option<T>);

impl<T: Field> Field for Nullable<T> {
    fn rule() -> Cow<'static, str> {
        format!("{}, or null", T::rule()).into()
    }

    fn schema() -> RefOr<Schema> {
        schema::nullable(T::schema())
    }

    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(Self(None)),
            value => T::read(value).map(|value| Self(Some(value))),
        }
    }
}

/// A field as it stands in a struct of [`fields!`]: `T`, or `Option<T>` where it may be absent.
pub trait Slot: Sized {
    type Field: Field;
    /// What it is without the field; `None`: it must not be absent.
    fn absent() -> Option<Self>;
    fn present(value: Self::Field) -> Self;

    fn slot_schema() -> RefOr<Schema> {
        Self::Field::schema()
    }
}

impl<T: Field> Slot for T {
    type Field = T;

    fn absent() -> Option<Self> {
        T::absent()
    }

    fn present(value: T) -> Self {
        value
    }
}

impl<T: Field> Slot for Option<T> {
    type Field = T;

    fn absent() -> Option<Self> {
        Some(None)
    }

    fn present(value: T) -> Self {
        Some(value)
    }

    /// Absent means that nothing is said, whatever holds elsewhere.
    fn slot_schema() -> RefOr<Schema> {
        schema::without_default(T::schema())
    }
}

/// What is said about one field.
pub struct FieldSchema {
    pub name: &'static str,
    pub is_required: bool,
    pub schema: RefOr<Schema>,
    doc: &'static str,
}

impl FieldSchema {
    pub fn of<S: Slot>(name: &'static str, doc: &'static str) -> Self {
        Self {
            name,
            is_required: S::absent().is_none(),
            schema: S::slot_schema(),
            doc,
        }
    }

    pub fn description(&self) -> Option<String> {
        schema::description(self.doc)
    }
}

/// How many fields a request has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    Any,
    /// A change of nothing is a mistake.
    AtLeastOne,
    /// The fields exclude each other.
    One,
}

/// The fields of a query string, a body or an object in one.
pub trait Fields: Sized {
    /// The component's name.
    const NAME: &'static str;
    const DESCRIPTION: &'static str;
    const NAMES: &'static [&'static str];
    /// How many fields have to be there.
    const COUNT: Count;

    /// Takes its fields out of the source; `None` when one of them is at fault.
    fn take(source: &mut Source, faults: &mut Faults) -> Option<Self>;

    fn describe() -> Vec<FieldSchema>;
}

/// Where fields are taken from.
pub enum Source {
    Query(Vec<(String, String)>),
    Json {
        object: Map<String, Value>,
        /// Stands before the names in faults: empty, or `change.`.
        place: String,
    },
}

impl Source {
    /// All fields of a JSON object; one that is not known is a fault.
    pub fn read<T: Fields>(object: Map<String, Value>, place: &str, faults: &mut Faults) -> Option<T> {
        let count = object
            .keys()
            .filter(|name| T::NAMES.contains(&name.as_str()))
            .count();
        let is_empty = object.is_empty();
        let mut source = Self::Json {
            object,
            place: place.to_owned(),
        };
        let taken = T::take(&mut source, faults);
        let at = match place.trim_end_matches('.') {
            "" => "body",
            at => at,
        };
        match T::COUNT {
            Count::AtLeastOne if is_empty => {
                faults.add(at, "names no field to change");
                return None;
            }
            Count::One if count != 1 => faults.add(at, format!("has one of {}", T::NAMES.join(", "))),
            _ => {}
        }
        let Self::Json { object, .. } = source else {
            return taken;
        };
        for name in object.keys() {
            let reason = format!("is no field of this request: {}", T::NAMES.join(", "));
            faults.add(&format!("{place}{name}"), reason);
        }
        taken
    }

    /// One field; `None` when it is at fault.
    pub fn slot<S: Slot>(&mut self, name: &str, faults: &mut Faults) -> Option<S> {
        let (at, value) = match self {
            Self::Query(pairs) => {
                let found = pairs.iter().find(|(known, _)| known == name);
                let given = found.filter(|(_, text)| !(text.is_empty() && S::Field::empty_is_absent()));
                let Some((_, text)) = given else {
                    return absent(name, faults);
                };
                let value = S::Field::parse(text);
                if value.is_none() {
                    faults.add(name, S::Field::rule());
                }
                return value.map(S::present);
            }
            Self::Json { object, place } => (format!("{place}{name}"), object.remove(name)),
        };
        match value {
            Some(value) => S::Field::collect(&at, value, faults).map(S::present),
            None => absent(&at, faults),
        }
    }
}

fn absent<S: Slot>(at: &str, faults: &mut Faults) -> Option<S> {
    let absent = S::absent();
    if absent.is_none() {
        faults.add(at, "is missing");
    }
    absent
}

/// An object with fields of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Inner<T>(pub T);

impl<T: Fields> Field for Inner<T> {
    fn rule() -> Cow<'static, str> {
        format!("is an object of {}", T::NAMES.join(", ")).into()
    }

    fn schema() -> RefOr<Schema> {
        component::<T>().into()
    }

    fn read(value: &Value) -> Option<Self> {
        Self::collect("", value.clone(), &mut Faults::default())
    }

    fn collect(at: &str, value: Value, faults: &mut Faults) -> Option<Self> {
        match value {
            Value::Object(object) => Source::read(object, &format!("{at}."), faults).map(Self),
            _ => {
                faults.add(at, Self::rule());
                None
            }
        }
    }
}

/// The schema of an object with these fields and no other.
pub fn component<T: Fields>() -> Object {
    let mut object = ObjectBuilder::new()
        .description(Some(T::DESCRIPTION))
        .additional_properties(Some(AdditionalProperties::FreeForm(false)))
        .min_properties((T::COUNT != Count::Any).then_some(1))
        .max_properties((T::COUNT == Count::One).then_some(1));
    for field in T::describe() {
        if field.is_required {
            object = object.required(field.name);
        }
        object = object.property(field.name, schema::described(field.schema, field.doc));
    }
    object.build()
}

/// Declares a struct whose fields are read from a query string or a JSON object, collecting every fault, and described
/// from the same types: `pub struct Name { /// Meaning. field: Type }`. A struct marked `change` has at least one field, one
/// marked `choice` exactly one. Those fields whose types are followed by `= example` are
/// its example.
macro_rules! fields {
    ($(#[doc = $doc:literal])* $vis:vis struct $name:ident $(: $count:ident)? {
        $($(#[doc = $field_doc:literal])* $field:ident : $type:ty $(= $example:expr)?),* $(,)?
    }) => {
        $(#[doc = $doc])*
        #[derive(Debug)]
        $vis struct $name { $($(#[doc = $field_doc])* pub $field: $type),* }

        impl $crate::rest::frame::fields::Fields for $name {
            const NAME: &'static str = stringify!($name);
            const DESCRIPTION: &'static str = $crate::rest::frame::schema::trimmed(concat!($($doc, "\n"),*));
            const NAMES: &'static [&'static str] = &[$($crate::rest::frame::schema::plain(stringify!($field))),*];
            const COUNT: $crate::rest::frame::fields::Count = $crate::rest::frame::fields::count!($($count)?);

            fn take(
                source: &mut $crate::rest::frame::fields::Source,
                faults: &mut $crate::rest::frame::faults::Faults,
            ) -> Option<Self> {
                $(let $field = source.slot::<$type>(
                    $crate::rest::frame::schema::plain(stringify!($field)), faults,
                );)*
                Some(Self { $($field: $field?),* })
            }

            fn describe() -> Vec<$crate::rest::frame::fields::FieldSchema> {
                vec![$($crate::rest::frame::fields::FieldSchema::of::<$type>(
                    $crate::rest::frame::schema::plain(stringify!($field)), concat!($($field_doc, "\n"),*),
                )),*]
            }
        }

        impl $crate::rest::frame::Example for $name {
            fn example() -> serde_json::Value {
                #[allow(unused_mut, reason = "not every struct has a field with an example")]
                let mut object = serde_json::Map::new();
                $($(object.insert(
                    $crate::rest::frame::schema::plain(stringify!($field)).to_owned(),
                    serde_json::json!($example),
                );)?)*
                object.into()
            }
        }
    };
}
pub(crate) use fields;

macro_rules! count {
    () => {
        $crate::rest::frame::fields::Count::Any
    };
    (change) => {
        $crate::rest::frame::fields::Count::AtLeastOne
    };
    (choice) => {
        $crate::rest::frame::fields::Count::One
    };
}
pub(crate) use count;
