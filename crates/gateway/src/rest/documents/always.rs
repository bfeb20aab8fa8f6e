use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AdditionalProperties, Object, Schema, SchemaType, Type};

/// Says of an answer's fields that may be null that they are always there: our views write them as null. A field that may
/// be left out is never null. Bodies, which name every field that they take, stay as they are.
pub fn require_nullable(schema: &mut RefOr<Schema>) {
    match schema {
        RefOr::T(Schema::Object(object)) => require_nullable_of(object),
        RefOr::T(Schema::AllOf(all)) => all.items.iter_mut().for_each(require_nullable),
        _ => {}
    }
}

fn require_nullable_of(object: &mut Object) {
    let is_body = matches!(
        object.additional_properties.as_deref(),
        Some(AdditionalProperties::FreeForm(false))
    );
    if is_body {
        return;
    }
    for (name, property) in &object.properties {
        if may_be_null(property) && !object.required.contains(name) {
            object.required.push(name.clone());
        }
    }
}

fn may_be_null(schema: &RefOr<Schema>) -> bool {
    let is_null = |kind: &SchemaType| match kind {
        SchemaType::Type(kind) => *kind == Type::Null,
        SchemaType::Array(kinds) => kinds.contains(&Type::Null),
        SchemaType::AnyValue => false,
    };
    match schema {
        RefOr::T(Schema::Object(object)) => is_null(&object.schema_type),
        RefOr::T(Schema::Array(list)) => is_null(&list.schema_type),
        RefOr::T(Schema::OneOf(one)) => one.items.iter().any(may_be_null),
        RefOr::T(Schema::AnyOf(any)) => any.items.iter().any(may_be_null),
        _ => false,
    }
}
