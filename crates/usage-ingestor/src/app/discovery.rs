//! SIMs that sent records and that no inventory knows.
