//! Reads of one SIM's usage.
