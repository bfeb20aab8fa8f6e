//! Events of one SIM.
