//! Daily rows, a page at a time.
