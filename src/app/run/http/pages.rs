//! Requests in, responses out.

use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    VARY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Request, Response, StatusCode};

use super::exhibit::{Exhibit, Page};
use super::packed::Content;
use crate::metrics::{Format, takes_gzip};

/// Answers a request. Its body, if it has one, is not read.
pub(super) fn answer<B>(exhibit: &mut Exhibit, request: &Request<B>) -> Response<Content> {
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
        METRICS => page(
            exhibit,
            Page::Metrics(Format::accepted(&all(request.headers(), &ACCEPT))),
            request.headers(),
        ),
        STATUS => page(exhibit, Page::Status, request.headers()),
        READY if !exhibit.is_ready() => text(StatusCode::SERVICE_UNAVAILABLE, "no window is over yet\n"),
        _ => text(StatusCode::OK, "yes\n"),
    }
}

fn page(exhibit: &mut Exhibit, page: Page, asked: &HeaderMap) -> Response<Content> {
    match exhibit.page(page) {
        Ok(packed) => {
            let kind = match page {
                Page::Metrics(format) => format.content_type(),
                Page::Status => "application/json",
            };
            if !takes_gzip(&all(asked, &ACCEPT_ENCODING)) {
                return response(StatusCode::OK, kind, packed.unpacked());
            }
            let mut response = response(StatusCode::OK, kind, packed.gzip());
            let gzip = HeaderValue::from_static("gzip");
            response.headers_mut().insert(CONTENT_ENCODING, gzip);
            response
        }
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    }
}

/// All headers of a name, as one.
fn all(headers: &HeaderMap, name: &HeaderName) -> String {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.collect::<Vec<_>>().join(",")
}

fn text(status: StatusCode, text: impl Into<String>) -> Response<Content> {
    response(status, "text/plain; charset=utf-8", text.into().into())
}

fn response(status: StatusCode, kind: &'static str, body: Content) -> Response<Content> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(VARY, HeaderValue::from_static("accept, accept-encoding"));
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
