//! Periodic work: one replica does each tick.
