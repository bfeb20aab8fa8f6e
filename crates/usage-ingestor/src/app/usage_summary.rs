//! Usage of the fleet, whole and in groups.
