//! Reads of one SIM's events.
