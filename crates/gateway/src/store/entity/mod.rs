pub mod api_key;
pub mod audit_entry;
pub mod organization;
pub mod user;
