//! Closed lists of words, in questions, answers and the document.

use std::borrow::Cow;

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// A closed list of words.
pub trait OneOf: Copy + 'static {
    /// The component's name.
    const NAME: &'static str;
    const DESCRIPTION: &'static str;

    fn all() -> Vec<Self>;
    fn word(self) -> &'static str;

    /// The word that holds where none has to be given.
    fn or() -> Option<Self> {
        None
    }
}

/// One word of a closed list; in answers and bodies it is a component of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word<T>(pub T);

impl<T: OneOf> PartialSchema for Word<T> {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String);
        Schema::from(
            text.enum_values(Some(all_words::<T>()))
                .description(Some(T::DESCRIPTION)),
        )
        .into()
    }
}

impl<T: OneOf> ToSchema for Word<T> {
    fn name() -> Cow<'static, str> {
        T::NAME.into()
    }
}

pub fn all_words<T: OneOf>() -> Vec<&'static str> {
    T::all().into_iter().map(T::word).collect()
}

/// Declares a closed list of words: the enum, and its component's name behind `as`. The word
/// behind `or` holds where none has to be given.
macro_rules! words {
    ($(#[doc = $doc:literal])* $vis:vis enum $name:ident as $component:literal $(or $default:ident)? {
        $($variant:ident = $word:literal),+ $(,)?
    }) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        $vis enum $name { $($variant),+ }

        impl $crate::wire::word::OneOf for $name {
            const NAME: &'static str = $component;
            const DESCRIPTION: &'static str = concat!($($doc, "\n"),*).trim_ascii();

            fn all() -> Vec<Self> {
                vec![$(Self::$variant),+]
            }

            fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            $(fn or() -> Option<Self> {
                Some(Self::$default)
            })?
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                <$crate::wire::word::Word<Self> as utoipa::PartialSchema>::schema()
            }
        }

        impl utoipa::ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                $component.into()
            }
        }
    };
}
pub(crate) use words;

/// Makes an enum that has `ALL` and `word` a closed list of words, with its component's name behind `as`.
macro_rules! one_of {
    ($(#[doc = $doc:literal])* $type:ident as $component:literal) => {
        impl $crate::wire::word::OneOf for $type {
            const NAME: &'static str = $component;
            const DESCRIPTION: &'static str = concat!($($doc, "\n"),*).trim_ascii();

            fn all() -> Vec<Self> {
                Self::ALL.to_vec()
            }

            fn word(self) -> &'static str {
                $type::word(self)
            }
        }

        impl utoipa::PartialSchema for $type {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                <$crate::wire::word::Word<Self> as utoipa::PartialSchema>::schema()
            }
        }

        impl utoipa::ToSchema for $type {
            fn name() -> std::borrow::Cow<'static, str> {
                $component.into()
            }
        }
    };
}
pub(crate) use one_of;

/// Shows an enum of `domain` as a closed list of words: its component's name stands behind `as`.
macro_rules! words_of {
    ($(#[doc = $doc:literal])* $domain:ident as $component:literal $(or $default:ident)?) => {
        impl $crate::wire::word::OneOf for domain::$domain {
            const NAME: &'static str = $component;
            const DESCRIPTION: &'static str = concat!($($doc, "\n"),*).trim_ascii();

            fn all() -> Vec<Self> {
                Self::ALL.to_vec()
            }

            fn word(self) -> &'static str {
                domain::$domain::word(self)
            }

            $(fn or() -> Option<Self> {
                Some(Self::$default)
            })?
        }
    };
}
pub(crate) use words_of;
