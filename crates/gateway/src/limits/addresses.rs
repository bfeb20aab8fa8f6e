use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use moka::sync::Cache;

use super::meter::MINUTE_MS;
use super::window::Window;
use super::{Standing, Verdict};

/// Addresses that are remembered.
const ADDRESSES: u64 = 20_000;
const FORGET: Duration = Duration::from_secs(120);

/// Requests without good credentials, by address. It costs the process no more, however many addresses there are.
pub struct Addresses {
    windows: Cache<IpAddr, Arc<Mutex<Window>>>,
    per_minute: u32,
}

impl Addresses {
    pub fn new(per_minute: u32) -> Self {
        Self {
            windows: Cache::builder()
                .max_capacity(ADDRESSES)
                .time_to_idle(FORGET)
                .build(),
            per_minute,
        }
    }

    pub fn take(&self, address: IpAddr, now_ms: i64) -> Verdict {
        let new = || Arc::new(Mutex::new(Window::new(MINUTE_MS)));
        let window = self.windows.get_with(network(address), new);
        let mut window = window.lock().unwrap_or_else(PoisonError::into_inner);
        let free = window.free(now_ms, self.per_minute);
        if free == 0 {
            let wait = Duration::from_millis(window.wait_ms(now_ms, self.per_minute));
            return Verdict {
                standing: self.standing(0, &window, now_ms),
                retry_after: Some(wait),
            };
        }
        window.add(now_ms, 1);
        Verdict {
            standing: self.standing(free - 1, &window, now_ms),
            retry_after: None,
        }
    }

    pub fn look(&self, address: IpAddr, now_ms: i64) -> Standing {
        let known = self.windows.get(&network(address));
        let mut window = known.map_or(Window::new(MINUTE_MS), |known| {
            *known.lock().unwrap_or_else(PoisonError::into_inner)
        });
        let free = window.free(now_ms, self.per_minute);
        self.standing(free, &window, now_ms)
    }

    fn standing(&self, remaining: u32, window: &Window, now_ms: i64) -> Standing {
        Standing {
            limit: self.per_minute,
            remaining,
            reset_seconds: window.left_ms(now_ms).div_ceil(1000),
        }
    }
}

/// One customer of a provider has a whole /64 of IPv6.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_own_count_and_a_network_of_ipv6_one_together() {
        let addresses = Addresses::new(2);
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let (one, two) = (address("2001:db8::1"), address("2001:db8::2"));
        assert_eq!(addresses.take(one, 1000).standing.remaining, 1);
        assert_eq!(addresses.look(two, 1000).remaining, 1);
        assert!(addresses.take(two, 1000).retry_after.is_none());
        let refused = addresses.take(one, 1000);
        assert_eq!(
            (refused.standing.remaining, refused.standing.reset_seconds),
            (0, 59)
        );
        assert!(refused.retry_after.is_some());
        let other = address("192.0.2.1");
        assert!(addresses.take(other, 1000).retry_after.is_none());
        assert!(
            addresses
                .take(address("::ffff:192.0.2.1"), 1000)
                .retry_after
                .is_none()
        );
        assert!(addresses.take(other, 1000).retry_after.is_some());
        assert!(addresses.take(other, 121_000).retry_after.is_none());
    }
}
