use std::net::{Ipv4Addr, TcpListener};

use socket2::{Domain, Socket, Type};

use super::*;
use crate::sys::testing::{LONG, send, udp};
use crate::sys::{EventFd, PollFd, Stamps, options, poll};

fn tokens(epoll: &mut Epoll, timeout: Duration) -> Vec<u64> {
    epoll.wait(Some(timeout)).unwrap().map(|ready| ready.token).collect()
}

#[test]
fn ready_descriptors_are_reported_by_token_until_they_are_deleted() {
    let mut epoll = Epoll::new(8).unwrap();
    let (one, two) = (EventFd::new().unwrap(), EventFd::new().unwrap());
    epoll.add(one.as_fd(), Interest::Read, 1).unwrap();
    epoll.add(two.as_fd(), Interest::Read, u64::MAX).unwrap();
    assert_eq!(tokens(&mut epoll, Duration::ZERO), [0_u64; 0]);
    two.wake().unwrap();
    assert_eq!(tokens(&mut epoll, LONG), [u64::MAX]);
    epoll.modify(two.as_fd(), Interest::Read, 2).unwrap();
    assert_eq!(tokens(&mut epoll, LONG), [2]);
    epoll.modify(two.as_fd(), Interest::Errors, 2).unwrap();
    assert_eq!(tokens(&mut epoll, Duration::ZERO), [0_u64; 0]);
    epoll.delete(two.as_fd()).unwrap();
    assert_eq!(
        epoll.delete(two.as_fd()).unwrap_err().raw_os_error(),
        Some(libc::ENOENT)
    );
}

#[test]
fn a_wait_reports_at_most_what_it_has_room_for() {
    let mut epoll = Epoll::new(0).unwrap();
    let events = [EventFd::new().unwrap(), EventFd::new().unwrap()];
    for (token, event) in (0..).zip(&events) {
        event.wake().unwrap();
        epoll.add(event.as_fd(), Interest::Read, token).unwrap();
    }
    let mut seen = [tokens(&mut epoll, LONG), tokens(&mut epoll, LONG)].concat();
    seen.sort_unstable();
    assert_eq!(seen, [0, 1]);
}

#[test]
fn an_epoll_can_be_waited_for_like_any_descriptor() {
    let epoll = Epoll::new(1).unwrap();
    let event = EventFd::new().unwrap();
    epoll.add(event.as_fd(), Interest::Read, 0).unwrap();
    let mut waiting = [PollFd::new(epoll.as_fd(), Interest::Read)];
    assert_eq!(poll(&mut waiting, Some(Duration::ZERO)).unwrap(), 0);
    event.wake().unwrap();
    assert_eq!(poll(&mut waiting, Some(LONG)).unwrap(), 1);
}

#[test]
fn the_end_of_a_connection_attempt_is_writable_and_a_refusal_has_errors() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let open = listener.local_addr().unwrap();
    for refused in [false, true] {
        let socket = Socket::new(Domain::IPV4, Type::STREAM.nonblocking().cloexec(), None).unwrap();
        let to = if refused {
            // A port that is bound, but not listening: nobody else can take it.
            let bound = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            bound
                .bind(&std::net::SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())
                .unwrap();
            let address = bound.local_addr().unwrap();
            std::mem::forget(bound);
            address
        } else {
            open.into()
        };
        let pending = socket.connect(&to).unwrap_err();
        assert_eq!(pending.raw_os_error(), Some(libc::EINPROGRESS));
        let mut epoll = Epoll::new(4).unwrap();
        epoll.add(socket.as_fd(), Interest::Write, 9).unwrap();
        let ready: Vec<_> = epoll.wait(Some(LONG)).unwrap().collect();
        let expected = Ready {
            token: 9,
            readable: false,
            writable: true,
            has_errors: refused,
            hung_up: refused,
        };
        assert_eq!(ready, [expected]);
        let error = socket.take_error().unwrap().and_then(|error| error.raw_os_error());
        assert_eq!(error, refused.then_some(libc::ECONNREFUSED));
    }
}

#[test]
fn a_send_stamp_has_errors_and_nothing_else() {
    let (socket, _) = udp();
    let (_peer, to) = udp();
    options::enable_timestamping(socket.as_fd(), Stamps::TxRx).unwrap();
    let mut epoll = Epoll::new(1).unwrap();
    epoll.add(socket.as_fd(), Interest::Read, 3).unwrap();
    send(socket.as_fd(), to, b"x").unwrap();
    let ready: Vec<_> = epoll.wait(Some(LONG)).unwrap().collect();
    let expected = Ready {
        token: 3,
        readable: false,
        writable: false,
        has_errors: true,
        hung_up: false,
    };
    assert_eq!(ready, [expected]);
}
