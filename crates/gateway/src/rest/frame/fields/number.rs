use std::borrow::Cow;

use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};

use super::Field;

/// True or false; `DEFAULT` when it is absent from a query or body that does not call it optional.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flag<const DEFAULT: bool = false>(pub bool);

impl<const DEFAULT: bool> Field for Flag<DEFAULT> {
    fn rule() -> Cow<'static, str> {
        bool::rule()
    }

    fn schema() -> RefOr<Schema> {
        let flag = ObjectBuilder::new().schema_type(Type::Boolean);
        Schema::from(flag.default(Some(Value::Bool(DEFAULT)))).into()
    }

    fn read(value: &Value) -> Option<Self> {
        value.as_bool().map(Self)
    }

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }

    fn absent() -> Option<Self> {
        Some(Self(DEFAULT))
    }
}

/// Without a default.
impl Field for bool {
    fn rule() -> Cow<'static, str> {
        "is true or false".into()
    }

    fn schema() -> RefOr<Schema> {
        Schema::from(ObjectBuilder::new().schema_type(Type::Boolean)).into()
    }

    fn read(value: &Value) -> Option<Self> {
        value.as_bool()
    }

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

/// A whole number from `MIN` to `MAX`; `DEFAULT` when it is absent, where that lies between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number<const MIN: u32, const MAX: u32, const DEFAULT: u32>(u32);

/// Rows of a page.
pub type PageSize<const DEFAULT: u32 = 50, const MAX: u32 = 100> = Number<1, MAX, DEFAULT>;

impl<const MIN: u32, const MAX: u32, const DEFAULT: u32> Number<MIN, MAX, DEFAULT> {
    const HAS_DEFAULT: bool = MIN <= DEFAULT && DEFAULT <= MAX;

    pub const fn get(self) -> u32 {
        self.0
    }

    fn within(number: u64) -> Option<Self> {
        let number = u32::try_from(number).ok()?;
        (MIN..=MAX).contains(&number).then_some(Self(number))
    }
}

impl<const MIN: u32, const MAX: u32, const DEFAULT: u32> Field for Number<MIN, MAX, DEFAULT> {
    fn rule() -> Cow<'static, str> {
        format!("is a number from {MIN} to {MAX}").into()
    }

    fn schema() -> RefOr<Schema> {
        let mut number = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(MIN));
        if MAX < u32::MAX {
            number = number.maximum(Some(MAX));
        }
        if Self::HAS_DEFAULT {
            number = number.default(Some(DEFAULT.into()));
        }
        Schema::from(number).into()
    }

    fn read(value: &Value) -> Option<Self> {
        Self::within(value.as_u64()?)
    }

    fn parse(text: &str) -> Option<Self> {
        Self::within(text.parse().ok()?)
    }

    fn absent() -> Option<Self> {
        Self::HAS_DEFAULT.then_some(Self(DEFAULT))
    }
}
