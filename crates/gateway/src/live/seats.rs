use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use metrics::Gauge;

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// The process has all the streams it may.
    Process,
    /// The caller has.
    Caller,
}

/// Counts open streams.
pub struct Seats {
    total: usize,
    each: usize,
    taken: Mutex<HashMap<String, usize>>,
}

/// One open stream, counted until it is dropped.
pub struct Seat {
    seats: Arc<Seats>,
    caller: String,
    open: Gauge,
}

impl Seats {
    pub fn new(total: usize, each: usize) -> Self {
        Self {
            total,
            each,
            taken: Mutex::default(),
        }
    }

    pub fn take(seats: &Arc<Self>, caller: String, open: Gauge) -> Result<Seat, Full> {
        let mut taken = seats.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.get(&caller).copied().unwrap_or(0) >= seats.each {
            return Err(Full::Caller);
        }
        if taken.values().sum::<usize>() >= seats.total {
            return Err(Full::Process);
        }
        *taken.entry(caller.clone()).or_default() += 1;
        open.increment(1);
        Ok(Seat {
            seats: Arc::clone(seats),
            caller,
            open,
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.caller) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.caller);
            }
        }
        self.open.decrement(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_limited_and_come_back() {
        let seats = Arc::new(Seats::new(3, 2));
        let take = |caller: &str| Seats::take(&seats, caller.to_owned(), Gauge::noop());
        let first = take("a").ok();
        let _second = take("a").unwrap_or_else(|full| panic!("{full:?}"));
        assert_eq!(take("a").err(), Some(Full::Caller));
        let _third = take("b").unwrap_or_else(|full| panic!("{full:?}"));
        assert_eq!(take("b").err(), Some(Full::Process));
        drop(first);
        assert!(take("b").is_ok());
    }
}
