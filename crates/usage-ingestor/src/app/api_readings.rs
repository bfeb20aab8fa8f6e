//! Daily usage from 1NCE's API: history of new SIMs, gaps, and the regular check.
