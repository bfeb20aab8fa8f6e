use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use domain::OrganizationId;
use messages::Timestamp;
use uuid::Uuid;

/// Something that an answer shows, made of a `S`.
pub trait Of<S> {
    fn of(source: S) -> Self;
}

macro_rules! as_it_is {
    ($($type:ty),*) => { $(
        impl Of<$type> for $type {
            fn of(source: $type) -> Self {
                source
            }
        }
    )* };
}

as_it_is!(
    bool,
    u32,
    u64,
    i32,
    i64,
    f64,
    String,
    Uuid,
    Timestamp,
    DateTime<Utc>,
    NaiveDate,
    BTreeMap<String, u64>
);

impl<S, T: Of<S>> Of<Option<S>> for Option<T> {
    fn of(source: Option<S>) -> Self {
        source.map(T::of)
    }
}

impl<S, T: Of<S>> Of<Vec<S>> for Vec<T> {
    fn of(source: Vec<S>) -> Self {
        source.into_iter().map(T::of).collect()
    }
}

/// A text of a message says nothing when it is empty.
impl<T: Of<String>> Of<String> for Option<T> {
    fn of(source: String) -> Self {
        Some(source).filter(|text| !text.is_empty()).map(T::of)
    }
}

impl Of<OrganizationId> for Uuid {
    fn of(source: OrganizationId) -> Self {
        source.0
    }
}
