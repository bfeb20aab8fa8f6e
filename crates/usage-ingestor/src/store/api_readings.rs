//! The queue of readings by API and their results.
