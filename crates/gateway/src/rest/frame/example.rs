use serde_json::Value;

/// The moment of every example.
pub const TIME: &str = "2026-07-01T12:00:00Z";

/// How a body or the `data` of an answer looks.
pub trait Example {
    fn example() -> Value;

    /// Several that differ in kind, each with its name.
    fn examples() -> Vec<(&'static str, Value)> {
        vec![("success", Self::example())]
    }
}

/// The `meta` of an example.
pub fn meta() -> Value {
    serde_json::json!({ "timestamp": TIME, "request_id": "019cf7a0-0000-7000-8000-000000000001" })
}
