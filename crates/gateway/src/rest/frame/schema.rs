//! Schemas of fields, whichever way they go.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, SchemaType, Type};

/// The schema, or null.
pub fn nullable(schema: RefOr<Schema>) -> RefOr<Schema> {
    match schema {
        RefOr::T(Schema::Object(mut object)) if object.enum_values.is_none() => {
            if let SchemaType::Type(own) = object.schema_type {
                object.schema_type = SchemaType::from_iter([own, Type::Null]);
            }
            Schema::Object(object).into()
        }
        RefOr::T(Schema::Array(mut list)) => {
            list.schema_type = SchemaType::from_iter([Type::Array, Type::Null]);
            Schema::Array(list).into()
        }
        schema => {
            let null = ObjectBuilder::new().schema_type(Type::Null);
            Schema::from(OneOfBuilder::new().item(null).item(schema)).into()
        }
    }
}

/// The schema without a default.
pub fn without_default(schema: RefOr<Schema>) -> RefOr<Schema> {
    match schema {
        RefOr::T(Schema::Object(mut object)) => {
            object.default = None;
            Schema::Object(object).into()
        }
        schema => schema,
    }
}

/// The schema with what the field's doc comment says of it.
pub fn described(schema: RefOr<Schema>, doc: &str) -> RefOr<Schema> {
    let Some(description) = description(doc) else {
        return schema;
    };
    match schema {
        RefOr::T(Schema::Object(mut object)) => {
            object.description = Some(description);
            Schema::Object(object).into()
        }
        RefOr::T(Schema::Array(mut list)) => {
            list.description = Some(description);
            Schema::Array(list).into()
        }
        RefOr::T(Schema::OneOf(mut one)) => {
            one.description = Some(description);
            Schema::OneOf(one).into()
        }
        RefOr::Ref(mut to) => {
            to.description = description;
            to.into()
        }
        schema => schema,
    }
}

/// A doc comment as a description, if it says anything.
pub fn description(doc: &str) -> Option<String> {
    let lines: Vec<&str> = doc.trim().lines().map(str::trim).collect();
    Some(lines.join("\n")).filter(|text| !text.is_empty())
}

/// The name of a field that is a word of Rust too: `r#type` is `type`.
pub const fn plain(name: &'static str) -> &'static str {
    match name.as_bytes() {
        [b'r', b'#', ..] => name.split_at(2).1,
        _ => name,
    }
}

/// A doc comment without the spaces around it.
pub const fn trimmed(doc: &'static str) -> &'static str {
    doc.trim_ascii()
}
