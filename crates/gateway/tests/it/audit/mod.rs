//! The audit log: its rows, its chain of hashes, and the rows of bulk jobs.

mod chain;
mod jobs;
mod rows;
