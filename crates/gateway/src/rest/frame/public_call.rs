use std::future::Future;
use std::sync::Arc;

use actix_web::http::header::USER_AGENT;
use actix_web::{HttpRequest, web};
use tracing::Instrument;

use super::reading::{Extract, Reading};
use super::request_id::{client_addr, span};
use super::said::{Access, Said};
use super::state::RequestState;
use crate::app::Gateway;
use crate::app::identity::Origin;
use crate::error::{ApiCode, ApiError};

const USER_AGENT_CHARS: usize = 255;

/// A request that needs no credentials.
pub struct PublicCall {
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    origin: Origin,
}

impl Extract for PublicCall {
    async fn extract(reading: &mut Reading) -> Result<Option<Self>, ApiError> {
        let request = reading.request.clone();
        let Some(gateway) = request.app_data::<web::Data<Gateway>>().cloned() else {
            return Err(ApiError::internal(&"the gateway is not among the app's data"));
        };
        let agent = request.headers().get(USER_AGENT);
        let agent = agent.and_then(|agent| agent.to_str().ok());
        let origin = Origin {
            request_id: Arc::clone(&RequestState::of(&request).id),
            remote_addr: client_addr(&gateway, &request),
            user_agent: agent.map(|agent| agent.chars().take(USER_AGENT_CHARS).collect()),
        };
        Ok(Some(Self {
            gateway,
            request,
            origin,
        }))
    }

    fn describe(said: &mut Said) {
        said.access = Access::Public;
        said.may_fail(&[
            ApiCode::Validation,
            ApiCode::RateLimited,
            ApiCode::Unavailable,
            ApiCode::Internal,
        ]);
    }
}

impl PublicCall {
    /// Runs a use case to its end, even when the client hangs up.
    pub async fn run<T, F>(&self, work: impl FnOnce(Arc<Gateway>, Origin) -> F) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ApiError>> + Send + 'static,
    {
        let span = span(&self.request);
        let work = work(Arc::clone(&self.gateway), self.origin.clone());
        self.gateway.on_main(work).instrument(span).await
    }
}
