use std::future::Future;
use std::marker::PhantomData;

use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use uuid::Uuid;

use super::answer::Reply;
use super::authenticate::Needs;
use super::call::Call;
use super::idempotency;
use super::said::Said;
use crate::error::{ApiCode, ApiError};

/// The answer `R`, or the one that was given to an earlier request with the same `Idempotency-Key`.
pub struct Once<R> {
    response: HttpResponse,
    reply: PhantomData<R>,
}

pub(super) async fn once<N, R, F>(
    call: Call<N>,
    bytes: &Bytes,
    work: impl FnOnce(Call<N>, Uuid) -> F + 'static,
) -> Result<Once<R>, ApiError>
where
    N: Needs,
    R: Reply,
    F: Future<Output = Result<R, ApiError>> + 'static,
{
    let own = call.clone();
    let response = idempotency::once(
        call.data(),
        call.context(),
        call.request(),
        bytes,
        move |id| async move {
            let request = own.request().clone();
            work(own, id).await?.respond(&request)
        },
    );
    Ok(Once {
        response: response.await?,
        reply: PhantomData,
    })
}

impl<R: Reply> Reply for Once<R> {
    fn respond(self, _: &HttpRequest) -> Result<HttpResponse, ApiError> {
        Ok(self.response)
    }

    fn describe(said: &mut Said) {
        R::describe(said);
        said.is_once = true;
        said.may_fail(&[ApiCode::Conflict]);
    }
}
