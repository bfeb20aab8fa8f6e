//! Usage of one SIM over time.
