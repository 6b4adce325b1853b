//! Connections, each with a limit to all that it can take: one request, headers of 8 KiB in 5 s, 15 s in all, 64 at once.

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::exhibit::Exhibit;
use super::pages;

/// How long a connection may take.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// Until its headers are there.
    headers: Duration,
    /// Until its peer has taken the answer.
    all: Duration,
}

/// Accepts connections without end.
pub(super) async fn accept_all(listener: TcpListener, exhibit: Rc<RefCell<Exhibit>>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        match (listener.accept().await, Arc::clone(&places).try_acquire_owned()) {
            (Ok((stream, _)), Ok(place)) => {
                // It ends by itself in time, whatever its peer does; nothing is lost with it.
                tokio::task::spawn_local(attend(stream, Rc::clone(&exhibit), place, LIMITS));
            }
            (Ok((stream, _)), Err(_)) => turn_away(&stream),
            // Out of file descriptors, as a rule: asking again at once would only heat the processor.
            (Err(_), _) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Answers one request. What goes wrong with a connection is its peer's trouble.
async fn attend(stream: TcpStream, exhibit: Rc<RefCell<Exhibit>>, _place: OwnedSemaphorePermit, limits: Limits) {
    let service = service_fn(|request| {
        let response = pages::answer(&mut exhibit.borrow_mut(), &request);
        async { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.headers)
        .max_buf_size(MAX_HEADERS)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    let _ = tokio::time::timeout(limits.all, connection).await;
}

/// Says why and closes, without waiting for anything.
fn turn_away(stream: &TcpStream) {
    // A new connection has room for a hundred bytes; who does not get them sees it closed.
    let _ = stream.try_write(BUSY);
}

/// A Prometheus takes one, a pair of them two; a person one or two more.
const MAX_CONNECTIONS: usize = 64;

/// Headers of a scrape have some hundred bytes.
const MAX_HEADERS: usize = 8 * 1024;

/// Headers take one round trip, as a rule; and Prometheus waits 10 s for a scrape, by default.
const LIMITS: Limits = Limits {
    headers: Duration::from_secs(5),
    all: Duration::from_secs(15),
};

/// After a connection could not be accepted.
const PAUSE: Duration = Duration::from_millis(100);

const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 21\r\n\
                      content-type: text/plain\r\n\r\ntoo many connections\n";

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use tokio::task::LocalSet;

    use super::super::exhibit::tests::crowded;
    use super::*;

    /// What a client gets that sends this and reads nothing before the other side has given up.
    fn got(limits: Limits, request: &str, series: u32) -> Vec<u8> {
        let exhibit = Rc::new(RefCell::new(crowded(series)));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        LocalSet::new().block_on(&runtime.expect("a runtime"), async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("an address");
            let mut client = std::net::TcpStream::connect(address).expect("a connection");
            client.write_all(request.as_bytes()).expect("room for a request");
            let (stream, _) = listener.accept().await.expect("a client");
            let place = Arc::new(Semaphore::new(1)).try_acquire_owned().expect("a place");
            let attended = tokio::time::timeout(LONG / 2, attend(stream, exhibit, place, limits));
            attended.await.expect("an end before the long limit");
            let mut all = Vec::new();
            // What was cut off ends with a reset.
            let _ = client.read_to_end(&mut all);
            all
        })
    }

    const METRICS: &str = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
    const SHORT: Duration = Duration::from_millis(200);
    const LONG: Duration = Duration::from_mins(1);

    fn length(head: &str) -> usize {
        let line = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        line.expect("a length").parse().expect("a number")
    }

    #[test]
    fn who_does_not_take_the_answer_is_cut_off_when_the_time_is_up() {
        let limits = Limits {
            headers: LONG,
            all: SHORT,
        };
        // 20 MB, of which the buffers between the two hold a part.
        let all = got(limits, METRICS, 2_000);
        let head = String::from_utf8_lossy(&all[..all.len().min(500)]).into_owned();
        assert!(
            head.is_empty() || all.len() < length(&head),
            "{} bytes: {head}",
            all.len()
        );
    }

    #[test]
    fn who_does_not_end_his_request_is_cut_off_long_before() {
        let limits = Limits {
            headers: SHORT,
            all: LONG,
        };
        let all = got(limits, "GET /metrics HTTP/1.1\r\nX-Slow: ", 1);
        assert!(!String::from_utf8_lossy(&all).contains(" 200 "), "{all:?}");
    }

    #[test]
    fn who_is_quick_gets_all_of_it() {
        let limits = Limits {
            headers: LONG,
            all: LONG,
        };
        // Small enough for the buffers, so that nobody has to read meanwhile.
        let all = got(limits, METRICS, 1);
        let text = String::from_utf8(all).expect("UTF-8");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        assert!(
            head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("connection: close"),
            "{head}"
        );
        assert_eq!(body.len(), length(head));
    }
}
