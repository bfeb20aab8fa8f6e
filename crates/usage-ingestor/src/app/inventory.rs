//! The copy of the inventory: kept by events, mended by reading it whole.
