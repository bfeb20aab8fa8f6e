//! What is said about texts that people write: no control characters.

use utoipa::Modify;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{ArrayItems, Object, Schema, SchemaType, Type};
use utoipa::openapi::{OpenApi, RefOr};

const PLAIN: &str = r"^[^\u0000-\u001F\u007F-\u009F]*$";

/// Gives texts of bounded length the pattern that all of them have to match; others that have a form of their own keep it.
pub struct Texts;

impl Modify for Texts {
    fn modify(&self, document: &mut OpenApi) {
        for item in document.paths.paths.values_mut() {
            let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete];
            operations.into_iter().flatten().for_each(parameters);
        }
        let components = document.components.get_or_insert_default();
        for (name, schema) in &mut components.schemas {
            if let (true, RefOr::T(Schema::Object(body))) = (name.ends_with("Body"), schema) {
                body.properties.values_mut().for_each(property);
            }
        }
    }
}

fn parameters(operation: &mut Operation) {
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter
            && let Some(schema) = &mut parameter.schema
        {
            property(schema);
        }
    }
}

fn property(schema: &mut RefOr<Schema>) {
    match schema {
        RefOr::T(Schema::Object(object)) => {
            plain(object);
            object.properties.values_mut().for_each(property);
        }
        RefOr::T(Schema::Array(list)) => {
            if let ArrayItems::RefOrSchema(items) = &mut list.items {
                property(items);
            }
        }
        _ => {}
    }
}

fn plain(text: &mut Object) {
    let is_text = matches!(&text.schema_type, SchemaType::Type(Type::String))
        || matches!(&text.schema_type, SchemaType::Array(types) if types.contains(&Type::String));
    let has_form = text.pattern.is_some() || text.format.is_some() || text.enum_values.is_some();
    if is_text && !has_form && text.max_length.is_some() {
        text.pattern = Some(PLAIN.to_owned());
    }
}
