//! Views: what an answer shows of a message, a row or another struct, said by the types of its fields.

mod field;
mod of;

use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{Ref, RefOr};

pub use field::{JsonObject, Told, ToldDay};
pub use of::Of;

use super::said::{Component, components_of};
pub use super::schema::{described, plain, trimmed};

/// What a field of a view shows.
pub trait ViewField {
    /// The schema in the field's place; a component that it refers to is added with all that it refers to.
    fn place_schema(components: &mut Vec<Component>) -> RefOr<Schema>;

    /// How it looks where no example is given.
    fn example() -> Value;
}

/// Declares a view: `pub struct Name { /// Meaning. field: Type = example }`. Its fields are always there, and an example that
/// is left out is that of the type. With `from Source as source` it is made of one: each field of the source's field of the
/// same name by [`Of`], or by the expression behind `=>`, which come first and may look at the whole source.
macro_rules! view {
    ($(#[doc = $doc:literal])* $(#[derive($derive:ident)])? $vis:vis struct $name:ident from $source:ty as $from:ident {
        $($(#[doc = $field_doc:literal])* $field_vis:vis $field:ident : $type:ty $(= $example:expr)? $(=> $made:expr)?),*
        $(,)?
    }) => {
        $crate::rest::frame::view! {
            $(#[doc = $doc])*
            $(#[derive($derive)])?
            $vis struct $name { $($(#[doc = $field_doc])* $field_vis $field: $type $(= $example)?),* }
        }

        impl From<$source> for $name {
            fn from($from: $source) -> Self {
                $($(let $field = $made;)?)*
                Self { $($field: $crate::rest::frame::view::made!($from $field $($made)?)),* }
            }
        }

        impl $crate::rest::frame::view::Of<$source> for $name {
            fn of(source: $source) -> Self {
                source.into()
            }
        }
    };
    ($(#[doc = $doc:literal])* $(#[derive($derive:ident)])? $vis:vis struct $name:ident {
        $($(#[doc = $field_doc:literal])* $field_vis:vis $field:ident : $type:ty $(= $example:expr)?),* $(,)?
    }) => {
        $(#[doc = $doc])*
        #[derive(Debug, $($derive,)? serde::Serialize)]
        $vis struct $name { $($(#[doc = $field_doc])* $field_vis $field: $type),* }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                use $crate::rest::frame::view::{ViewField, described, plain, trimmed};
                let mut object = utoipa::openapi::schema::ObjectBuilder::new()
                    .description(Some(trimmed(concat!($($doc, "\n"),*))));
                $(
                    let schema = described(<$type as ViewField>::place_schema(&mut Vec::new()), concat!($($field_doc, "\n"),*));
                    object = object.property(plain(stringify!($field)), schema).required(plain(stringify!($field)));
                )*
                object.build().into()
            }
        }

        impl utoipa::ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn schemas(components: &mut Vec<$crate::rest::frame::said::Component>) {
                $(<$type as $crate::rest::frame::view::ViewField>::place_schema(components);)*
            }
        }

        impl $crate::rest::frame::view::ViewField for $name {
            fn place_schema(
                components: &mut Vec<$crate::rest::frame::said::Component>,
            ) -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                $crate::rest::frame::view::referred::<Self>(components)
            }

            fn example() -> serde_json::Value {
                <Self as $crate::rest::frame::Example>::example()
            }
        }

        impl $crate::rest::frame::Example for $name {
            fn example() -> serde_json::Value {
                let mut object = serde_json::Map::new();
                $(object.insert(
                    $crate::rest::frame::view::plain(stringify!($field)).to_owned(),
                    $crate::rest::frame::view::example!($type $(= $example)?),
                );)*
                object.into()
            }
        }
    };
}
pub(crate) use view;

/// A field of what a view is made of, or what stands behind `=>`, which has the field's name by then.
macro_rules! made {
    ($from:ident $field:ident) => {
        $crate::rest::frame::view::Of::of($from.$field)
    };
    ($from:ident $field:ident $made:expr) => {
        $field
    };
}
pub(crate) use made;

macro_rules! example {
    ($type:ty) => {
        <$type as $crate::rest::frame::view::ViewField>::example()
    };
    ($type:ty = $example:expr) => {
        serde_json::json!($example)
    };
}
pub(crate) use example;

/// A reference to the component of `T`, which is added with all that it refers to.
pub fn referred<T: ToSchema>(components: &mut Vec<Component>) -> RefOr<Schema> {
    components.extend(components_of::<T>());
    Ref::from_schema_name(T::name()).into()
}
