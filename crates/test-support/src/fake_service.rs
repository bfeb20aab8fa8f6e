use std::sync::{Arc, Mutex, PoisonError};

use messages::{RpcMethod, RpcService};
use service_runtime::bus::{Bus, RpcError, RpcServer};
use service_runtime::health::Health;
use service_runtime::metrics::Metrics;
use service_runtime::shutdown::Shutdown;

/// What a fake service knows and was asked.
#[derive(Debug, Default)]
pub struct Memory<T> {
    /// Answered instead of everything else.
    pub error: Option<RpcError>,
    told: T,
}

impl<T> std::ops::Deref for Memory<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.told
    }
}

impl<T> std::ops::DerefMut for Memory<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.told
    }
}

/// The memory that a fake service and its test share.
pub type SharedMemory<T> = Arc<Mutex<Memory<T>>>;

/// The service `S`, or a part of it, that answers over NATS from memory. A method that it was not given is not answered at
/// all, as by a service that is away.
pub struct FakeService<S> {
    rpc: RpcServer<S, ()>,
    bus: Bus,
    shutdown: Shutdown,
}

impl<S: RpcService> FakeService<S> {
    /// Answers `health` only.
    ///
    /// # Panics
    /// When metrics cannot be made.
    pub fn new(bus: &Bus) -> Self {
        let (metrics, shutdown) = (Metrics::new().expect("metrics"), Shutdown::new());
        let rpc = RpcServer::new(bus, (), Health::new(S::NAME), metrics, shutdown.clone());
        Self {
            rpc,
            bus: bus.clone(),
            shutdown,
        }
    }

    /// Answers a method from this memory.
    #[must_use]
    pub fn on<M: RpcMethod<Service = S>, T: Send + 'static>(
        mut self,
        memory: &SharedMemory<T>,
        method: M,
        answer: impl Fn(&mut T, M::Request) -> Result<M::Response, RpcError> + Send + Sync + 'static,
    ) -> Self {
        let memory = Arc::clone(memory);
        let handler = move |(): (), request: M::Request| {
            // A handler that panicked has failed its test already.
            let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
            let outcome = match memory.error.clone() {
                Some(error) => Err(error),
                None => answer(&mut memory, request),
            };
            std::future::ready(outcome)
        };
        self.rpc.method(method, handler);
        self
    }

    /// Begins to answer; ends with what it returns.
    ///
    /// # Panics
    /// When NATS refuses a subscription.
    pub async fn start(self) -> Shutdown {
        self.rpc.start_partly().await.expect("subscriptions");
        self.bus.client().flush().await.expect("NATS");
        self.shutdown
    }
}
