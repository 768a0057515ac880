//! Answers in the shapes of grpc-gateway, which etcd's gateway is made of.

use super::json;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, future};
use prost_reflect::DynamicMessage;
use serde::Serialize;
use std::convert::Infallible;
use tonic::body::Body;
use tonic::codegen::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use tonic::{Code, Status};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
/// Stands where the answer of a call is shown, as what was said of its type.
const CALLED: HeaderName = HeaderName::from_static("grpc-metadata-content-type");
const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");

/// The answer of a call, as JSON.
pub(super) fn message(text: Vec<u8>) -> Response<Body> {
    let mut answer = with_type(StatusCode::OK, JSON, text);
    answer.headers_mut().insert(CALLED, GRPC);
    answer
}

/// The answers of a call, one a line. The last says why, if they end with an error.
pub(super) fn lines(
    answers: impl Stream<Item = Result<DynamicMessage, Status>> + Send + 'static,
) -> Response<Body> {
    let mut is_broken = false;
    let lines = answers
        .map(|answer| answer.and_then(|answer| json::text(&answer)))
        .take_while(move |answer| {
            // A message that cannot be shown ends the stream too.
            let goes_on = !is_broken;
            is_broken |= answer.is_err();
            future::ready(goes_on)
        })
        .map(|answer| match answer {
            Ok(text) => [&b"{\"result\":"[..], &text, b"}\n"].concat(),
            Err(status) => error_line(&status),
        })
        .map(|line| Ok::<_, Infallible>(Bytes::from(line)));
    let lines = axum::body::Body::from_stream(lines);
    let mut answer = with_type(StatusCode::OK, JSON, lines);
    answer.headers_mut().insert(CALLED, GRPC);
    answer
}

/// A call that was refused, or was none.
pub(super) fn error(status: &Status) -> Response<Body> {
    let mut answer = with_type(http_status(status.code()), JSON, shown(status));
    let words = HeaderValue::from_str(status.message());
    if let (Code::Unauthenticated, Ok(words)) = (status.code(), words) {
        answer.headers_mut().insert(header::WWW_AUTHENTICATE, words);
    }
    answer
}

/// A call with many answers that ended before the first.
pub(super) fn broken_off(status: &Status) -> Response<Body> {
    with_type(http_status(status.code()), JSON, error_line(status))
}

/// A request that names a host which is not this one's.
pub(super) fn unknown_host(host: &str) -> Response<Body> {
    let text = format!(
        "This server is not known as {host:?}. A page that was led here under a foreign name must not \
         use it.\nEnable TLS, or add the name to --host-whitelist.\n"
    );
    plain(StatusCode::MISDIRECTED_REQUEST, text)
}

/// In etcd's words.
pub(super) fn name_is_ignored() -> Response<Body> {
    let text = "CommonName of client sending a request against gateway will be ignored and not \
                used as expected\n";
    plain(StatusCode::BAD_REQUEST, text.to_owned())
}

fn plain(status: StatusCode, text: String) -> Response<Body> {
    let mut answer = with_type(status, TEXT, text);
    let no_sniff = HeaderValue::from_static("nosniff");
    answer
        .headers_mut()
        .insert(header::X_CONTENT_TYPE_OPTIONS, no_sniff);
    answer
}

fn with_type(
    status: StatusCode,
    content_type: HeaderValue,
    body: impl Into<axum::body::Body>,
) -> Response<Body> {
    let mut answer = Response::new(Body::new(body.into()));
    *answer.status_mut() = status;
    answer
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    answer
}

/// `google.rpc.Status`; nothing here has details.
#[derive(Serialize)]
struct Shown<'a> {
    code: i32,
    #[serde(skip_serializing_if = "str::is_empty")]
    message: &'a str,
}

fn shown(status: &Status) -> Vec<u8> {
    let shown = Shown {
        code: status.code().into(),
        message: status.message(),
    };
    // Numbers and texts can always be written.
    serde_json::to_vec(&shown).unwrap_or_default()
}

fn error_line(status: &Status) -> Vec<u8> {
    [&b"{\"error\":"[..], &shown(status), b"}\n"].concat()
}

/// What grpc-gateway makes of a code.
fn http_status(code: Code) -> StatusCode {
    match code {
        Code::Ok => StatusCode::OK,
        // There is no name for 499.
        Code::Cancelled => StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST),
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => {
            StatusCode::BAD_REQUEST
        }
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::Unknown | Code::Internal | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
