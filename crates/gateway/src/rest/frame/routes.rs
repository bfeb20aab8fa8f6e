use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse, web};
use matchit::{InsertError, Router};
use percent_encoding::percent_decode_str;

use super::operation::Operation;
use super::state::RequestState;
use crate::error::{ApiCode, ApiError};

/// Every operation, found by address and method without trying one after the other.
pub struct Routes {
    by_path: Router<Vec<Arc<Route>>>,
}

/// An operation at one of its methods.
struct Route {
    method: Method,
    /// Such as `GET /api/v1/sims/{iccid}`.
    name: &'static str,
    path: &'static str,
    operation: Arc<Operation>,
}

/// What a request was matched with.
pub struct Matched {
    route: Arc<Route>,
    /// Name and text, decoded.
    params: Vec<(String, String)>,
}

impl Matched {
    /// Method and address as documented.
    pub fn name(&self) -> &'static str {
        self.route.name
    }

    /// The address as documented.
    pub fn path(&self) -> &'static str {
        self.route.path
    }

    pub fn is_metered(&self) -> bool {
        self.route.operation.is_metered
    }

    /// What stands at this place of the path.
    pub fn named(&self, name: &str) -> Option<&str> {
        let mut found = self.params.iter().filter(|(known, _)| known == name);
        found.next().map(|(_, text)| text.as_str())
    }
}

impl Routes {
    /// Fails when two addresses can't be told apart.
    pub fn new(operations: Vec<Operation>) -> Result<Self, InsertError> {
        let mut by_path: BTreeMap<String, Vec<Arc<Route>>> = BTreeMap::new();
        for operation in operations {
            let operation = Arc::new(operation);
            // Once per operation and process, as the names below.
            let path: &'static str = Box::leak(operation.path.clone().into_boxed_str());
            let routes = by_path.entry(operation.path.clone()).or_default();
            routes.extend(operation.methods.iter().map(|method| {
                let name = Box::leak(format!("{method} {}", operation.path).into_boxed_str());
                Arc::new(Route {
                    method: method.clone(),
                    name,
                    path,
                    operation: Arc::clone(&operation),
                })
            }));
        }
        let mut router = Router::new();
        for (path, routes) in by_path {
            router.insert(path, routes)?;
        }
        Ok(Self { by_path: router })
    }

    /// The methods at an address, as `Allow` tells them.
    #[cfg(test)]
    pub fn methods(&self, path: &str) -> Vec<String> {
        let found = self.by_path.at(path).map(|found| found.value.iter());
        let methods = found.map(|routes| routes.map(|route| route.method.to_string()));
        methods.map(Iterator::collect).unwrap_or_default()
    }

    /// The operation; or another one at its address, and why it is refused.
    fn find(&self, request: &HttpRequest) -> Result<(Matched, Option<ApiError>), ApiError> {
        let nothing = || ApiError::new(ApiCode::NotFound, "there is nothing at this path");
        // The path with what needs no escape unescaped.
        let found = self.by_path.at(request.match_info().as_str());
        let found = found.map_err(|_| nothing())?;
        let wanted = found.value.iter().find(|route| route.method == request.method());
        let refusal = wanted.is_none().then(|| {
            let mut error = ApiError::new(ApiCode::MethodNotAllowed, "the path does not know this method");
            let methods: Vec<&str> = found.value.iter().map(|route| route.method.as_str()).collect();
            error.allow = Some(methods.join(", "));
            error
        });
        let route = wanted.or(found.value.first()).ok_or_else(nothing)?;
        let params = found.params.iter().map(|(name, text)| {
            let text = percent_decode_str(text).decode_utf8_lossy().into_owned();
            (name.to_owned(), text)
        });
        let matched = Matched {
            route: Arc::clone(route),
            params: params.collect(),
        };
        Ok((matched, refusal))
    }
}

/// Answers a request with the operation at its address.
pub async fn dispatch(request: HttpRequest, payload: web::Payload) -> Result<HttpResponse, ApiError> {
    let Some(routes) = request.app_data::<web::Data<Routes>>() else {
        return Err(ApiError::internal(&"the routes are not among the app's data"));
    };
    let (matched, refusal) = routes.find(&request)?;
    let operation = Arc::clone(&matched.route.operation);
    if RequestState::of(&request).matched.set(matched).is_err() {
        return Err(ApiError::internal(&"a request was matched twice"));
    }
    if let Some(refusal) = refusal {
        return Err(refusal);
    }
    operation.answer(request, payload.into_inner()).await
}
