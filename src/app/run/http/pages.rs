//! Requests in, responses out.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue, VARY, X_CONTENT_TYPE_OPTIONS};
use hyper::{Method, Request, Response, StatusCode};

use super::exhibit::{Exhibit, Page};
use crate::metrics::Format;

/// Answers a request. Its body, if it has one, is not read.
pub(super) fn answer<B>(exhibit: &mut Exhibit, request: &Request<B>) -> Response<Full<Bytes>> {
    let path = request.uri().path();
    if !PATHS.contains(&path) {
        let known = format!("there is no {}; there are {}\n", printable(path), PATHS.join(", "));
        return text(StatusCode::NOT_FOUND, known);
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refusal = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are known here\n");
        refusal
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refusal;
    }
    match path {
        METRICS => page(exhibit, Page::Metrics(Format::accepted(&accept(request.headers())))),
        STATUS => page(exhibit, Page::Status),
        READY if !exhibit.is_ready() => text(StatusCode::SERVICE_UNAVAILABLE, "no window is over yet\n"),
        _ => text(StatusCode::OK, "yes\n"),
    }
}

fn page(exhibit: &mut Exhibit, page: Page) -> Response<Full<Bytes>> {
    match exhibit.page(page) {
        Ok(body) => {
            let kind = match page {
                Page::Metrics(format) => format.content_type(),
                Page::Status => "application/json",
            };
            response(StatusCode::OK, kind, body)
        }
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    }
}

/// All `Accept` headers, as one.
fn accept(headers: &HeaderMap) -> String {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values.collect::<Vec<_>>().join(",")
}

fn text(status: StatusCode, text: impl Into<String>) -> Response<Full<Bytes>> {
    response(status, "text/plain; charset=utf-8", Bytes::from(text.into()))
}

fn response(status: StatusCode, kind: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(VARY, HeaderValue::from_static("accept"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// What somebody asked for, without what a terminal would act on.
fn printable(path: &str) -> String {
    path.chars().take(LONGEST_ECHO).filter(|c| !c.is_control()).collect()
}

const METRICS: &str = "/metrics";
const STATUS: &str = "/api/v1/status";
const HEALTHY: &str = "/-/healthy";
const READY: &str = "/-/ready";

/// All there is.
const PATHS: [&str; 4] = [METRICS, STATUS, HEALTHY, READY];

/// Of a path that does not exist.
const LONGEST_ECHO: usize = 64;
