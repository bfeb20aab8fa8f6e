use std::future::Future;

use messages::RpcMethod;

use super::{RpcContext, RpcError};

/// What answers one method: an async function of the app, the request and, where it wants one, the [`RpcContext`]. `Form`
/// tells the two apart.
pub trait RpcHandler<A, M: RpcMethod, Form>: Send + Sync + 'static {
    /// Answers one request.
    fn answer(
        &self,
        app: A,
        request: M::Request,
        context: RpcContext,
    ) -> impl Future<Output = Result<M::Response, RpcError>> + Send + 'static;
}

/// A function of app and request.
pub struct Plain;

/// A function of app, request and context.
pub struct WithContext;

impl<A, M, H, F, E> RpcHandler<A, M, Plain> for H
where
    M: RpcMethod,
    H: Fn(A, M::Request) -> F + Send + Sync + 'static,
    F: Future<Output = Result<M::Response, E>> + Send + 'static,
    E: Into<RpcError>,
{
    fn answer(
        &self,
        app: A,
        request: M::Request,
        _: RpcContext,
    ) -> impl Future<Output = Result<M::Response, RpcError>> + Send + 'static {
        let answer = self(app, request);
        async move { answer.await.map_err(Into::into) }
    }
}

impl<A, M, H, F, E> RpcHandler<A, M, WithContext> for H
where
    M: RpcMethod,
    H: Fn(A, M::Request, RpcContext) -> F + Send + Sync + 'static,
    F: Future<Output = Result<M::Response, E>> + Send + 'static,
    E: Into<RpcError>,
{
    fn answer(
        &self,
        app: A,
        request: M::Request,
        context: RpcContext,
    ) -> impl Future<Output = Result<M::Response, RpcError>> + Send + 'static {
        let answer = self(app, request, context);
        async move { answer.await.map_err(Into::into) }
    }
}
