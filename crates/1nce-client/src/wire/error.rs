//! The four shapes of an error body (FACTS §14), and the bodies that are none.

use super::Fields;
use crate::error::{Teller, excerpt};

/// What an error answer tells.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ErrorBody {
    pub code: Option<String>,
    pub message: String,
}

/// Reads any of the shapes; a body that is no JSON object is quoted, an empty one stays empty.
pub(crate) fn error_body(body: &[u8]) -> ErrorBody {
    let Ok(mut fields) = Fields::parse(body) else {
        return ErrorBody {
            code: None,
            message: excerpt(body).trim().to_owned(),
        };
    };
    let code = ["error_token", "errorCode", "error", "statusText", "error_code"]
        .into_iter()
        .find_map(|name| fields.word(name));
    let message = ["message", "errorMessage", "Message", "error_description"]
        .into_iter()
        .find_map(|name| fields.word(name))
        .unwrap_or_default();
    ErrorBody { code, message }
}

/// Who wrote the body of a refusal: the API itself names its errors.
pub(crate) fn teller(body: &[u8]) -> Teller {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Teller::Nobody;
    }
    let names = ["error_token", "error_code", "errorCode"];
    match Fields::parse(body) {
        Ok(fields) if names.into_iter().any(|name| fields.contains(name)) => Teller::Api,
        _ => Teller::Foreign,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_error_that_the_api_names_is_its_own() {
        for (body, by) in [
            (
                r#"{"error_code":1000,"error_token":"NotFound","message":"x"}"#,
                Teller::Api,
            ),
            (r#"{"statusCode":404,"errorCode":"NotFound"}"#, Teller::Api),
            (" \n", Teller::Nobody),
            (r#"{"message":"Not Found"}"#, Teller::Foreign),
            (
                r#"{"status":404,"error":"Not Found","path":"/v1/sims"}"#,
                Teller::Foreign,
            ),
            ("<html>404</html>", Teller::Foreign),
        ] {
            assert_eq!(teller(body.as_bytes()), by, "{body}");
        }
    }

    #[test]
    fn every_shape_gives_a_code_and_a_message() {
        for (json, code, message) in [
            (
                r#"{"statusCode":400,"errorCode":"BadCredentials","message":"no"}"#,
                Some("BadCredentials"),
                "no",
            ),
            (
                r#"{"timestamp":"x","status":401,"error":"Unauthorized","message":"token","path":"/"}"#,
                Some("Unauthorized"),
                "token",
            ),
            (
                r#"{"error_code":1000,"error_token":"NotFound","message":"gone"}"#,
                Some("NotFound"),
                "gone",
            ),
            (r#"{"message":"Limit Exceeded"}"#, None, "Limit Exceeded"),
            ("<html>oops</html>", None, "<html>oops</html>"),
            ("", None, ""),
        ] {
            let body = error_body(json.as_bytes());
            assert_eq!((body.code.as_deref(), body.message.as_str()), (code, message));
        }
    }
}
