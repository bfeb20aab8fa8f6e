//! What sim-service announces, applied to the copy of the inventory.
