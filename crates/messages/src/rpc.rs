/// One request/reply pair on the bus.
pub trait RpcMethod {
    /// What is asked.
    type Request: prost::Message + Default + Send + 'static;
    /// What is answered.
    type Response: prost::Message + Default + Send + 'static;
    /// The answering service.
    const SERVICE: &'static str;
    /// The method's name, unique in the service.
    const METHOD: &'static str;
}

macro_rules! method {
    ($(#[$doc:meta])* $name:ident, $service:literal, $method:literal, $request:ty, $response:ty) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name;

        impl super::RpcMethod for $name {
            type Request = $request;
            type Response = $response;
            const SERVICE: &'static str = $service;
            const METHOD: &'static str = $method;
        }
    };
}

/// The methods of sim-service.
pub mod sim {
    use crate::pb::common::{HealthRequest, HealthResponse};
    use crate::pb::sim as pb;

    method!(
        /// One SIM.
        GetSim, "sim", "get", pb::GetSimRequest, pb::GetSimResponse
    );
    method!(
        /// A page of SIMs.
        ListSims, "sim", "list", pb::ListSimsRequest, pb::ListSimsResponse
    );
    method!(
        /// Changes one SIM, at 1NCE where the field lives there.
        UpdateSim, "sim", "update", pb::UpdateSimRequest, pb::UpdateSimResponse
    );
    method!(
        /// Starts reading the whole fleet.
        StartSync, "sim", "start_sync", pb::StartSyncRequest, pb::StartSyncResponse
    );
    method!(
        /// How the readings of the fleet stand.
        SyncStatus, "sim", "sync_status", pb::SyncStatusRequest, pb::SyncStatusResponse
    );
    method!(
        /// How the service stands.
        Health, "sim", "health", HealthRequest, HealthResponse
    );
}
