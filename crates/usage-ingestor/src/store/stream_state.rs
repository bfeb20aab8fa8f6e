//! Where each stream stands.
