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
        /// The whole inventory in short.
        Members, "sim", "members", pb::MembersRequest, pb::MembersResponse
    );
    method!(
        /// SIMs that another service met and does not know.
        Discover, "sim", "discover", pb::DiscoverRequest, pb::DiscoverResponse
    );
    method!(
        /// Bulk work begins, or an import of it.
        CreateJob, "sim", "create_job", pb::CreateJobRequest, pb::CreateJobResponse
    );
    method!(
        /// Lines of an import.
        AddJobItems, "sim", "add_job_items", pb::AddJobItemsRequest, pb::AddJobItemsResponse
    );
    method!(
        /// All lines of an import are there.
        SubmitJob, "sim", "submit_job", pb::SubmitJobRequest, pb::SubmitJobResponse
    );
    method!(
        /// A page of jobs.
        ListJobs, "sim", "list_jobs", pb::ListJobsRequest, pb::ListJobsResponse
    );
    method!(
        /// One job.
        GetJob, "sim", "get_job", pb::GetJobRequest, pb::GetJobResponse
    );
    method!(
        /// What became of each SIM.
        JobResults, "sim", "job_results", pb::JobResultsRequest, pb::JobResultsResponse
    );
    method!(
        /// Pauses, resumes or cancels a job.
        ControlJob, "sim", "control_job", pb::ControlJobRequest, pb::ControlJobResponse
    );
    method!(
        /// How many SIMs are in which state.
        FleetCounts, "sim", "fleet_counts", pb::FleetCountsRequest, pb::FleetCountsResponse
    );
    method!(
        /// How the service stands.
        Health, "sim", "health", HealthRequest, HealthResponse
    );
}

/// The methods of usage-ingestor.
pub mod usage {
    use crate::pb::common::{HealthRequest, HealthResponse};
    use crate::pb::usage as pb;

    method!(
        /// Usage of one SIM over time.
        SimUsage, "usage", "sim_usage", pb::SimUsageRequest, pb::SimUsageResponse
    );
    method!(
        /// Usage of the fleet.
        UsageSummary, "usage", "summary", pb::UsageSummaryRequest, pb::UsageSummaryResponse
    );
    method!(
        /// The SIMs that use most.
        TopUsage, "usage", "top", pb::TopUsageRequest, pb::TopUsageResponse
    );
    method!(
        /// A page of daily rows.
        ExportUsage, "usage", "export", pb::ExportUsageRequest, pb::ExportUsageResponse
    );
    method!(
        /// Events of one SIM.
        SimEvents, "usage", "sim_events", pb::SimEventsRequest, pb::SimEventsResponse
    );
    method!(
        /// How the streams stand.
        IngestStatus, "usage", "status", pb::IngestStatusRequest, pb::IngestStatusResponse
    );
    method!(
        /// Records that could not be read.
        ListRejects, "usage", "list_rejects", pb::ListRejectsRequest, pb::ListRejectsResponse
    );
    method!(
        /// Reads rejected records again.
        ReplayRejects, "usage", "replay_rejects", pb::ReplayRejectsRequest, pb::ReplayRejectsResponse
    );
    method!(
        /// Asks 1NCE's API for daily usage.
        StartUsageSync, "usage", "start_sync", pb::StartUsageSyncRequest, pb::StartUsageSyncResponse
    );
    method!(
        /// Days on which stream and API differ.
        Differences, "usage", "differences", pb::DifferencesRequest, pb::DifferencesResponse
    );
    method!(
        /// Usage of today and this month, and where SIMs are.
        FleetNow, "usage", "fleet_now", pb::FleetNowRequest, pb::FleetNowResponse
    );
    method!(
        /// How the service stands.
        Health, "usage", "health", HealthRequest, HealthResponse
    );
}
