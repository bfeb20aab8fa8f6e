//! The copy of the inventory.
