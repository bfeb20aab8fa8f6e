use std::collections::BTreeMap;
use std::sync::LazyLock;

use prost::Message;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet};
use serde_json::{Map, Value, json};

/// Field numbers of descriptors in the paths of comments.
const MESSAGES: i32 = 4;
const FIELDS: i32 = 2;
const TIMESTAMP: &str = ".google.protobuf.Timestamp";

static SET: LazyLock<FileDescriptorSet> = LazyLock::new(|| {
    // Written by the build that made the types; a test decodes it.
    let bytes = include_bytes!(concat!(env!("OUT_DIR"), "/schemas.bin"));
    FileDescriptorSet::decode(bytes.as_slice()).unwrap_or_default()
});

/// One message of `proto-schemas`.
#[derive(Clone, Copy)]
pub struct Schema {
    file: &'static FileDescriptorProto,
    message: &'static DescriptorProto,
    place: i32,
}

impl Schema {
    /// By its full name, such as `simward.sim.v1.Sim`.
    pub fn find(name: &str) -> Option<Self> {
        let (package, name) = name.trim_start_matches('.').rsplit_once('.')?;
        let files = SET.file.iter().filter(|file| file.package() == package);
        files
            .flat_map(|file| (0..).zip(&file.message_type).map(move |found| (file, found)))
            .find(|(_, (_, message))| message.name() == name)
            .map(|(file, (place, message))| Self { file, message, place })
    }

    /// The file below `proto-schemas`.
    pub fn file(&self) -> &'static str {
        self.file.name()
    }

    /// Its comment on one line; empty when it has none.
    pub fn comment(&self) -> String {
        self.comment_at(&[MESSAGES, self.place])
    }

    /// Adds the JSON schema of the message, and of those in it, by their names.
    pub fn describe(self, schemas: &mut Map<String, Value>) {
        if schemas.contains_key(self.message.name()) {
            return;
        }
        // Holds the place while the fields are described, for a message may hold itself.
        schemas.insert(self.message.name().to_owned(), Value::Null);
        let mut properties = Map::new();
        for (place, field) in (0..).zip(&self.message.field) {
            let mut schema = self.field(field, schemas);
            let comment = self.comment_at(&[MESSAGES, self.place, FIELDS, place]);
            if let (Value::Object(schema), false) = (&mut schema, comment.is_empty()) {
                schema.insert("description".to_owned(), comment.into());
            }
            properties.insert(field.name().to_owned(), schema);
        }
        let names: Vec<&str> = self.message.field.iter().map(|field| field.name()).collect();
        let schema = json!({
            "type": "object", "description": self.comment(), "properties": properties, "required": names,
        });
        schemas.insert(self.message.name().to_owned(), schema);
    }

    /// As serde writes it: every field is there, what is absent is null, 64-bit numbers are numbers.
    fn field(&self, field: &FieldDescriptorProto, schemas: &mut Map<String, Value>) -> Value {
        if let Some(entry) = self.map_entry(field) {
            let value = entry.field.iter().find(|field| field.name() == "value");
            let value = value.map_or(json!({}), |value| self.one(value, schemas));
            return json!({ "type": "object", "additionalProperties": value });
        }
        let one = self.one(field, schemas);
        if field.label() == Label::Repeated {
            json!({ "type": "array", "items": one })
        } else if field.r#type() == Type::Message && field.type_name() != TIMESTAMP {
            json!({ "oneOf": [one, { "type": "null" }] })
        } else if field.r#type() == Type::Message || field.proto3_optional() {
            or_null(one)
        } else {
            one
        }
    }

    fn one(&self, field: &FieldDescriptorProto, schemas: &mut Map<String, Value>) -> Value {
        match field.r#type() {
            Type::Double | Type::Float => json!({ "type": "number" }),
            Type::Bool => json!({ "type": "boolean" }),
            Type::String => json!({ "type": "string" }),
            Type::Bytes => {
                json!({ "type": "array", "items": { "type": "integer", "minimum": 0, "maximum": 255 } })
            }
            Type::Uint64 | Type::Fixed64 => json!({ "type": "integer", "format": "uint64", "minimum": 0 }),
            Type::Uint32 | Type::Fixed32 => json!({ "type": "integer", "format": "uint32", "minimum": 0 }),
            Type::Int64 | Type::Sint64 | Type::Sfixed64 => json!({ "type": "integer", "format": "int64" }),
            Type::Int32 | Type::Sint32 | Type::Sfixed32 | Type::Enum => {
                json!({ "type": "integer", "format": "int32" })
            }
            Type::Message | Type::Group if field.type_name() == TIMESTAMP => {
                json!({ "type": "string", "format": "date-time" })
            }
            Type::Message | Type::Group => match Self::find(field.type_name()) {
                Some(inner) => {
                    inner.describe(schemas);
                    json!({ "$ref": format!("#/components/schemas/{}", inner.message.name()) })
                }
                None => json!({ "type": "object" }),
            },
        }
    }

    /// The pair that a map repeats.
    fn map_entry(&self, field: &FieldDescriptorProto) -> Option<&'static DescriptorProto> {
        let own = self.message.nested_type.iter();
        own.filter(|nested| nested.options.as_ref().is_some_and(|options| options.map_entry()))
            .find(|nested| {
                field
                    .type_name()
                    .ends_with(&format!(".{}.{}", self.message.name(), nested.name()))
            })
    }

    fn comment_at(&self, path: &[i32]) -> String {
        static EMPTY: BTreeMap<Vec<i32>, String> = BTreeMap::new();
        let comments = COMMENTS.get(self.file.name()).unwrap_or(&EMPTY);
        comments.get(path).cloned().unwrap_or_default()
    }
}

fn or_null(mut schema: Value) -> Value {
    let kind = schema["type"].take();
    schema["type"] = json!([kind, "null"]);
    schema
}

/// Comments by file and place, each on one line.
static COMMENTS: LazyLock<BTreeMap<&'static str, BTreeMap<Vec<i32>, String>>> = LazyLock::new(|| {
    let files = SET.file.iter().map(|file| {
        let places = file.source_code_info.iter().flat_map(|info| &info.location);
        let comments = places.filter_map(|place| {
            let comment = place
                .leading_comments
                .as_ref()
                .or(place.trailing_comments.as_ref())?;
            let words: Vec<&str> = comment.split_whitespace().collect();
            Some((place.path.clone(), words.join(" ")))
        });
        (file.name(), comments.collect())
    });
    files.collect()
});
