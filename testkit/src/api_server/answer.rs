//! Answers.

use std::io;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use http::header::RETRY_AFTER;
use http::{Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use serde_json::{Value, json};

use super::Answer;

pub(super) fn json(code: StatusCode, body: &Value) -> Answer {
    let body = Full::new(Bytes::from(body.to_string()));
    let mut answer = Response::new(body.map_err(|never| match never {}).boxed_unsync());
    *answer.status_mut() = code;
    answer
}

/// Pieces of a body as they come; an error is a broken connection.
pub(super) fn stream(pieces: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Answer {
    Response::new(StreamBody::new(pieces.map(|piece| piece.map(Frame::data))).boxed_unsync())
}

pub(super) fn failure(code: StatusCode, message: &str) -> Answer {
    json(code, &status(code, message))
}

/// As API Priority and Fairness answers: the seconds are in the header only, the body is no `Status`.
pub(super) fn throttled(seconds: u64) -> Answer {
    let text = "Too many requests, please try again later.";
    let body = Full::new(Bytes::from_static(text.as_bytes()));
    let mut answer = Response::new(body.map_err(|never| match never {}).boxed_unsync());
    *answer.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    answer.headers_mut().insert(RETRY_AFTER, seconds.into());
    answer
}

pub(super) fn not_found() -> Answer {
    failure(StatusCode::NOT_FOUND, "not found")
}

pub(super) fn status(code: StatusCode, message: &str) -> Value {
    let reason = match code {
        StatusCode::NOT_FOUND => "NotFound",
        StatusCode::CONFLICT => "Conflict",
        StatusCode::GONE => "Expired",
        StatusCode::UNPROCESSABLE_ENTITY => "Invalid",
        StatusCode::TOO_MANY_REQUESTS => "TooManyRequests",
        _ => "InternalError",
    };
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
        "reason": reason, "code": code.as_u16()})
}
