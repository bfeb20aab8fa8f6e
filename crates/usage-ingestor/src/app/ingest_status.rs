//! How the streams and the readings by API stand.
