use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use deadpool_redis::Pool;
use deadpool_redis::redis::{FromRedisValue, Script, ScriptInvocation};
use moka::sync::Cache;
use secrecy::SecretString;

use super::DerivedKey;
use crate::seldom::Seldom;

/// Failures of one account within the window.
const PER_ACCOUNT: i64 = 10;
/// Failures of one client address within the window.
const PER_ADDRESS: i64 = 50;
/// It begins with the first failure.
const WINDOW: Duration = Duration::from_secs(15 * 60);
/// At most one failure of an account a minute is written into the audit log.
const NOTE_PAUSE: Duration = Duration::from_secs(60);
const REDIS_LIMIT: Duration = Duration::from_millis(200);
const CAPACITY: u64 = 100_000;

/// Counts an attempt on both keys, unless one has reached its limit: then it answers the milliseconds until that ends.
const RESERVE: &str = "
for i = 1, 2 do
  if tonumber(redis.call('GET', KEYS[i]) or '0') >= tonumber(ARGV[i]) then
    return math.max(redis.call('PTTL', KEYS[i]), 1)
  end
end
for i = 1, 2 do
  if redis.call('INCR', KEYS[i]) == 1 then redis.call('PEXPIRE', KEYS[i], ARGV[3]) end
end
return 0";

/// Takes the attempt back; after a success nothing of the account's count is left.
const SETTLE: &str = "
if ARGV[1] == '1' then redis.call('DEL', KEYS[1]) end
for i = 1, 2 do
  if tonumber(redis.call('GET', KEYS[i]) or '0') > 0 then redis.call('DECR', KEYS[i]) end
end
return 0";

const NOTE: &str = "
if redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[1]) then return 1 end
return 0";

/// Too many failures; another attempt makes sense after this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throttled(pub Duration);

/// An attempt that was counted as a failure until it succeeds.
#[derive(Debug)]
pub struct Attempt {
    account: String,
    address: String,
    /// Counted in Redis, not in this process.
    shared: bool,
}

/// Counts failed logins by account and by client address: in Redis for all replicas together, in this process while
/// Redis is gone. An account is what was given as its name, so that the count says nothing about who exists.
pub struct LoginThrottle {
    redis: Option<Pool>,
    prefix: String,
    hasher: DerivedKey,
    local: Cache<String, Arc<Window>>,
    noted: Cache<String, ()>,
    complaints: Seldom,
}

#[derive(Debug)]
struct Window {
    began: Instant,
    failures: AtomicI64,
}

impl LoginThrottle {
    pub fn new(redis: Option<Pool>, prefix: &str, secret: &SecretString) -> Self {
        Self {
            redis,
            prefix: format!("{prefix}:login:"),
            hasher: DerivedKey::new(secret, "login throttle"),
            local: Cache::builder()
                .max_capacity(CAPACITY)
                .time_to_live(WINDOW)
                .build(),
            noted: Cache::builder()
                .max_capacity(CAPACITY)
                .time_to_live(NOTE_PAUSE)
                .build(),
            complaints: Seldom::default(),
        }
    }

    /// Counts an attempt before its password is checked, so that many at once are counted too.
    pub async fn reserve(&self, account: &str, address: Option<IpAddr>) -> Result<Attempt, Throttled> {
        let mut attempt = Attempt {
            account: self.key("account", account),
            address: self.key("address", &network(address)),
            shared: false,
        };
        let script = Script::new(RESERVE);
        let mut call = script.prepare_invoke();
        call.key(&attempt.account).key(&attempt.address);
        call.arg(PER_ACCOUNT)
            .arg(PER_ADDRESS)
            .arg(WINDOW.as_millis() as u64);
        let answer = self.in_redis::<u64>(&call).await;
        attempt.shared = answer.is_some();
        let wait = match answer {
            Some(wait) => Duration::from_millis(wait),
            None => self.reserve_locally(&attempt),
        };
        if wait.is_zero() {
            Ok(attempt)
        } else {
            Err(Throttled(wait))
        }
    }

    /// The password was right: the account begins anew.
    pub async fn succeeded(&self, attempt: &Attempt) {
        self.settle(attempt, true).await;
    }

    /// Nobody knows whether the password was right, so the attempt does not count.
    pub async fn withdrawn(&self, attempt: &Attempt) {
        self.settle(attempt, false).await;
    }

    async fn settle(&self, attempt: &Attempt, success: bool) {
        if success {
            self.local.invalidate(&attempt.account);
        }
        if !attempt.shared {
            let counted = [&attempt.account, &attempt.address];
            for window in counted.into_iter().filter_map(|key| self.local.get(key)) {
                window.failures.fetch_sub(1, Ordering::Relaxed);
            }
            return;
        }
        let script = Script::new(SETTLE);
        let mut call = script.prepare_invoke();
        call.key(&attempt.account)
            .key(&attempt.address)
            .arg(u8::from(success));
        // A count that stays is a limit that comes sooner, nothing worse.
        self.in_redis::<u64>(&call).await;
    }

    /// Whether this failure is the first of its account within a minute.
    pub async fn worth_a_note(&self, account: &str) -> bool {
        let key = self.key("note", account);
        let script = Script::new(NOTE);
        let mut call = script.prepare_invoke();
        call.key(&key).arg(NOTE_PAUSE.as_millis() as u64);
        match self.in_redis::<u64>(&call).await {
            Some(first) => first == 1,
            None => self.noted.entry(key).or_insert(()).is_fresh(),
        }
    }

    fn reserve_locally(&self, attempt: &Attempt) -> Duration {
        let windows = [(&attempt.account, PER_ACCOUNT), (&attempt.address, PER_ADDRESS)];
        let windows = windows.map(|(key, limit)| {
            let window = self.local.entry_by_ref(key).or_insert_with(|| {
                Arc::new(Window {
                    began: Instant::now(),
                    failures: AtomicI64::new(0),
                })
            });
            (window.into_value(), limit)
        });
        for (at, (window, limit)) in windows.iter().enumerate() {
            if window.failures.fetch_add(1, Ordering::Relaxed) >= *limit {
                for (window, _) in &windows[..=at] {
                    window.failures.fetch_sub(1, Ordering::Relaxed);
                }
                let left = WINDOW.saturating_sub(window.began.elapsed());
                return left.max(Duration::from_millis(1));
            }
        }
        Duration::ZERO
    }

    /// `None` when Redis does not answer.
    async fn in_redis<T: FromRedisValue>(&self, call: &ScriptInvocation<'_>) -> Option<T> {
        let pool = self.redis.as_ref()?;
        let asked = tokio::time::timeout(REDIS_LIMIT, async {
            let mut connection = pool.get().await.map_err(|_| "cannot connect")?;
            let answer = call.invoke_async(&mut connection).await;
            answer.map_err(|_| "it refuses the script")
        });
        let error = match asked.await {
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(error)) => error,
            Err(_) => "no answer in time",
        };
        if let Some(held_back) = self.complaints.pass() {
            tracing::warn!(
                error,
                held_back,
                "Redis fails, failed logins are counted by this process alone"
            );
        }
        None
    }

    /// Redis shall hold no names.
    fn key(&self, kind: &str, text: &str) -> String {
        let hash = self.hasher.mac(format!("{kind} {}", text.to_lowercase()));
        let hex: String = hash[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}{kind}:{hex}", self.prefix)
    }
}

/// An IPv6 client has a whole /64.
fn network(address: Option<IpAddr>) -> String {
    match address.map(|address| address.to_canonical()) {
        Some(IpAddr::V6(address)) => {
            let mut parts = address.segments();
            parts[4..].fill(0);
            Ipv6Addr::from(parts).to_string()
        }
        Some(IpAddr::V4(address)) => address.to_string(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throttle() -> LoginThrottle {
        LoginThrottle::new(None, "test", &SecretString::from("s".repeat(32)))
    }

    fn address(last: u8) -> Option<IpAddr> {
        Some(IpAddr::from([192, 0, 2, last]))
    }

    #[tokio::test]
    async fn the_eleventh_failure_of_an_account_waits_and_a_success_clears_it() {
        let throttle = throttle();
        for at in 0..9 {
            throttle.reserve("ada", address(at)).await.unwrap();
        }
        let tenth = throttle.reserve("ADA", address(9)).await.unwrap();
        let Throttled(wait) = throttle.reserve("ada", address(10)).await.unwrap_err();
        assert!(wait > WINDOW / 2 && wait <= WINDOW);
        throttle.reserve("bob", address(10)).await.unwrap();
        throttle.succeeded(&tenth).await;
        throttle.reserve("ada", address(10)).await.unwrap();
    }

    #[tokio::test]
    async fn an_address_fails_fifty_times_whatever_the_accounts() {
        let throttle = throttle();
        for at in 0..50 {
            throttle.reserve(&format!("user-{at}"), address(1)).await.unwrap();
        }
        throttle.reserve("another", address(1)).await.unwrap_err();
        throttle.reserve("another", address(2)).await.unwrap();
    }

    #[tokio::test]
    async fn successes_are_no_failures_of_an_address() {
        let throttle = throttle();
        for at in 0..60 {
            let attempt = throttle.reserve(&format!("user-{at}"), address(1)).await.unwrap();
            throttle.succeeded(&attempt).await;
        }
    }

    #[tokio::test]
    async fn one_failure_of_an_account_a_minute_is_noted() {
        let throttle = throttle();
        assert!(throttle.worth_a_note("ada").await);
        assert!(!throttle.worth_a_note("ada").await);
        assert!(throttle.worth_a_note("bob").await);
    }

    #[test]
    fn neighbours_in_a_64_are_one_client() {
        let network_of = |text: &str| network(Some(text.parse().unwrap()));
        assert_eq!(network_of("2001:db8::1"), network_of("2001:db8::ffff:2"));
        assert_ne!(network_of("2001:db8::1"), network_of("2001:db8:0:1::1"));
        assert_eq!(network_of("::ffff:192.0.2.1"), "192.0.2.1");
    }
}
