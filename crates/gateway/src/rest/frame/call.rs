use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::AUTHORIZATION;
use actix_web::{HttpRequest, web};
use bytes::Bytes;
use messages::RpcMethod;
use messages::pb::common::{Actor, Scope};
use serde_json::Value;
use tracing::{Instrument, Span};
use uuid::Uuid;

use super::answer::Reply;
use super::authenticate::{self, Needs, X_API_KEY};
use super::once::{self, Once};
use super::reading::{Extract, Reading};
use super::request_id::span;
use super::said::{Access, Said};
use crate::app::{Act, Gateway, RequestContext};
use crate::auth::Principal;
use crate::error::{ApiCode, ApiError};

/// A request of a caller who may make it. The permission stands in the type, so no operation forgets it.
pub struct Call<N> {
    gateway: web::Data<Gateway>,
    request: HttpRequest,
    context: RequestContext,
    needs: PhantomData<N>,
}

impl<N> Clone for Call<N> {
    fn clone(&self) -> Self {
        Self {
            gateway: self.gateway.clone(),
            request: self.request.clone(),
            context: self.context.clone(),
            needs: PhantomData,
        }
    }
}

impl<N: Needs> Extract for Call<N> {
    async fn extract(reading: &mut Reading) -> Result<Option<Self>, ApiError> {
        let request = reading.request.clone();
        let Some(gateway) = request.app_data::<web::Data<Gateway>>().cloned() else {
            return Err(ApiError::internal(&"the gateway is not among the app's data"));
        };
        let outcome = authenticate::authenticate(&gateway, &request, N::PERMISSION, true).await;
        let headers = request.headers();
        let named = headers.contains_key(X_API_KEY) || headers.contains_key(AUTHORIZATION);
        gateway.auth_counts.note(&outcome, named);
        let context = outcome?;
        reading.context = Some(context.clone());
        Ok(Some(Self {
            gateway,
            request,
            context,
            needs: PhantomData,
        }))
    }

    fn describe(said: &mut Said) {
        said.access = N::PERMISSION.map_or(Access::Known, Access::Needs);
        said.may_fail(&[
            ApiCode::Unauthorized,
            ApiCode::InvalidApiKey,
            ApiCode::Forbidden,
            ApiCode::Validation,
            ApiCode::RateLimited,
            ApiCode::Unavailable,
            ApiCode::Internal,
        ]);
    }
}

impl<N: Needs> Call<N> {
    pub(super) fn data(&self) -> &web::Data<Gateway> {
        &self.gateway
    }

    pub fn gateway(&self) -> &Arc<Gateway> {
        &self.gateway
    }

    pub fn request(&self) -> &HttpRequest {
        &self.request
    }

    pub fn context(&self) -> &RequestContext {
        &self.context
    }

    pub fn principal(&self) -> &Principal {
        &self.context.principal
    }

    /// Asks a service about what is the caller's to see, and waits at most 5 seconds.
    pub async fn ask<M: RpcMethod + 'static>(
        &self,
        question: impl FnOnce(Scope) -> M::Request,
    ) -> Result<M::Response, ApiError>
    where
        M::Request: Sync,
    {
        let question = question(self.principal().scope());
        self.run(|gateway, context| async move { gateway.ask::<M>(&context, &question).await })
            .await
    }

    /// The same where an answer takes longer.
    pub async fn ask_within<M: RpcMethod + 'static>(
        &self,
        limit: Duration,
        question: impl FnOnce(Scope) -> M::Request,
    ) -> Result<M::Response, ApiError>
    where
        M::Request: Sync,
    {
        let question = question(self.principal().scope());
        self.run(
            move |gateway, context| async move { gateway.ask_within::<M>(limit, &context, &question).await },
        )
        .await
    }

    /// Has a service act: what is to be done is written down before, and that it failed or that nobody knows after.
    pub async fn act<M: RpcMethod + 'static>(
        &self,
        act: Act,
        details: Value,
        request: impl FnOnce(Scope, Actor) -> M::Request,
    ) -> Result<M::Response, ApiError>
    where
        M::Request: Sync,
    {
        let request = request(self.principal().scope(), self.principal().actor());
        self.run(|gateway, context| async move { gateway.act::<M>(&context, act, details, &request).await })
            .await
    }

    /// Runs a use case to its end, even when the client hangs up.
    pub async fn run<T, F>(&self, work: impl FnOnce(Arc<Gateway>, RequestContext) -> F) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ApiError>> + Send + 'static,
    {
        let work = work(Arc::clone(&self.gateway), self.context.clone());
        self.gateway.on_main(work).instrument(self.span()).await
    }

    /// Does `work` once for all requests with the same `Idempotency-Key`; `bytes` are what a repeat has to bring again.
    /// The work is given the id of what it makes, which is the same when it is tried again after a crash.
    pub async fn once<R, F>(
        &self,
        bytes: &Bytes,
        work: impl FnOnce(Self, Uuid) -> F + 'static,
    ) -> Result<Once<R>, ApiError>
    where
        R: Reply,
        F: Future<Output = Result<R, ApiError>> + 'static,
    {
        once::once(self.clone(), bytes, work).await
    }

    /// The caller as it would be let in now, if it still would be. Such a look is no use of the key.
    pub async fn still_allowed(&self) -> Result<RequestContext, ApiError> {
        authenticate::authenticate(&self.gateway, &self.request, N::PERMISSION, false).await
    }

    /// The span of what leaves this process; what memory answers has none, because it costs as much as the answer.
    pub fn span(&self) -> Span {
        span(&self.request)
    }
}
