pub mod api_key;
pub mod audit_entry;
