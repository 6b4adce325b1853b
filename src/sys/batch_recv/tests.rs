use std::net::{Ipv4Addr, Ipv6Addr, UdpSocket};
use std::os::fd::AsFd;

use socket2::{Domain, Protocol, Socket, Type};

use super::*;
use crate::sys::testing::{
    LONG, echo_request, in_fresh_network, keep_stamps_on, raw, receive, send, shell, tx_ids, tx_stamps, udp,
};
use crate::sys::{Family, Interest, PollFd, Stamps, options, poll};

const ECHO_REQUEST: u8 = 8;
const ECHO_REPLY: u8 = 0;
const ECHO_REQUEST_6: u8 = 128;
const ECHO_REPLY_6: u8 = 129;

const HERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const HERE_6: SocketAddr = SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 0);

#[test]
fn an_empty_queue_is_no_error_and_leaves_no_messages() {
    let (socket, address) = udp();
    let mut batch = RecvBatch::new(4, 16);
    for queue in [Queue::Data, Queue::Errors] {
        assert_eq!(batch.recv(socket.as_fd(), queue).unwrap(), 0);
    }
    send(socket.as_fd(), address, b"x").unwrap();
    assert_eq!(receive(socket.as_fd(), Queue::Data, &mut batch), 1);
    assert_eq!((batch.len(), batch.get(0).bytes), (1, b"x".as_slice()));
    assert_eq!(batch.recv(socket.as_fd(), Queue::Data).unwrap(), 0);
    assert!(batch.is_empty());
    assert_eq!(batch.get(0), Received::default(), "what was there before is gone");
}

#[test]
fn a_batch_without_room_receives_nothing() {
    let (socket, address) = udp();
    send(socket.as_fd(), address, b"x").unwrap();
    let mut batch = RecvBatch::new(0, 16);
    assert_eq!(batch.recv(socket.as_fd(), Queue::Data).unwrap(), 0);
    assert_eq!(batch.get(0), Received::default());
}

#[test]
fn more_messages_than_slots_come_with_the_next_call_and_after_a_move() {
    let (socket, address) = udp();
    for value in 0..5_u8 {
        send(socket.as_fd(), address, &[value; 3]).unwrap();
    }
    let mut batch = RecvBatch::new(2, 16);
    let mut values = Vec::new();
    while values.len() < 5 {
        receive(socket.as_fd(), Queue::Data, &mut batch);
        batch = std::thread::spawn(move || batch).join().unwrap();
        values.extend(batch.iter().map(|message| message.bytes.to_vec()));
    }
    assert_eq!(values, [[0; 3], [1; 3], [2; 3], [3; 3], [4; 3]]);
}

#[test]
fn a_datagram_longer_than_its_slot_is_flagged_and_its_neighbours_are_not() {
    let (socket, address) = udp();
    for bytes in [b"four".as_slice(), b"fives", b"4"] {
        send(socket.as_fd(), address, bytes).unwrap();
    }
    let mut batch = RecvBatch::new(3, 4);
    let mut seen = Vec::new();
    while seen.len() < 3 {
        receive(socket.as_fd(), Queue::Data, &mut batch);
        seen.extend(batch.iter().map(|message| (message.bytes.to_vec(), message.truncated)));
    }
    let expected = [
        (b"four".to_vec(), false),
        (b"five".to_vec(), true),
        (b"4".to_vec(), false),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn control_data_that_does_not_fit_is_flagged() {
    let socket = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).unwrap();
    let address = socket.local_addr().unwrap();
    // IPV6_FLOWINFO, IPV6_2292PKTINFO, IPV6_2292HOPLIMIT, IPV6_RECVPKTINFO, IPV6_RECVHOPLIMIT, IPV6_RECVTCLASS,
    // IPV6_RECVORIGDSTADDR: with two addresses of 40 bytes each and one of 48 they pass 256 bytes together with the
    // stamps.
    for name in [11, 2, 8, 49, 51, 66, 74] {
        // SAFETY: the pointer and the length describe a local integer.
        let returned = unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::IPPROTO_IPV6,
                name,
                std::ptr::from_ref(&1_i32).cast(),
                4,
            )
        };
        assert_eq!(returned, 0, "option {name}");
    }
    options::enable_timestamping(socket.as_fd(), Stamps::RxOnly).unwrap();
    let mut batch = RecvBatch::new(1, 16);
    // Stamps begin with a delay, and the buffer overflows with the first of them.
    for _ in 0..1_000_000 {
        send(socket.as_fd(), address, b"x").unwrap();
        receive(socket.as_fd(), Queue::Data, &mut batch);
        if batch.get(0).truncated {
            assert_eq!(batch.get(0).bytes, b"x");
            return;
        }
    }
    panic!("never flagged");
}

#[test]
fn a_slot_that_held_few_control_data_has_room_for_more_afterwards() {
    let (socket, address) = udp();
    let fd = socket.as_fd();
    options::recv_ttl(fd, Family::V4).unwrap();
    let mut batch = RecvBatch::new(1, 16);
    send(fd, address, b"x").unwrap();
    receive(fd, Queue::Data, &mut batch);
    assert_eq!(batch.get(0).ttl, Some(64));
    options::enable_timestamping(fd, Stamps::TxRx).unwrap();
    send(fd, address, b"x").unwrap();
    receive(fd, Queue::Errors, &mut batch);
    assert_eq!(batch.get(0).tx_stamp.map(|stamp| stamp.id), Some(0));
    assert!(!batch.get(0).truncated);
}

#[test]
fn echoes_of_raw_sockets_carry_both_stamps_and_the_hop_limit() {
    in_fresh_network(|| {
        let _on = keep_stamps_on();
        for (domain, protocol, family, to, request, reply) in [
            (
                Domain::IPV4,
                Protocol::ICMPV4,
                Family::V4,
                HERE,
                ECHO_REQUEST,
                ECHO_REPLY,
            ),
            (
                Domain::IPV6,
                Protocol::ICMPV6,
                Family::V6,
                HERE_6,
                ECHO_REQUEST_6,
                ECHO_REPLY_6,
            ),
        ] {
            let socket = raw(domain, protocol);
            let fd = socket.as_fd();
            options::enable_timestamping(fd, Stamps::TxRx).unwrap();
            options::recv_ttl(fd, family).unwrap();
            let mut batch = RecvBatch::new(8, 128);
            for id in 0..3 {
                send(fd, to, &echo_request(request, 1)).unwrap();
                let [sent] = tx_stamps(fd)[..] else {
                    panic!("one stamp per send")
                };
                assert_eq!(sent.id, id);
                let replied = receive_icmp(fd, &mut batch, family, reply);
                assert_eq!(replied.from.map(|from| from.ip()), Some(to.ip()));
                assert_eq!(replied.ttl, Some(64));
                let nanos = replied.rx_stamp.unwrap().nanos_since(sent.at);
                assert!(
                    (0..LONG_NANOS).contains(&nanos),
                    "{nanos} ns from send stamp to arrival"
                );
            }
        }
    });
}

#[test]
fn echoes_of_datagram_sockets_carry_both_stamps() {
    in_fresh_network(|| {
        shell("echo 0 4294967294 >/proc/sys/net/ipv4/ping_group_range");
        let _on = keep_stamps_on();
        for (domain, protocol, family, to, request) in [
            (Domain::IPV4, Protocol::ICMPV4, Family::V4, HERE, ECHO_REQUEST),
            (Domain::IPV6, Protocol::ICMPV6, Family::V6, HERE_6, ECHO_REQUEST_6),
        ] {
            let socket = Socket::new(domain, Type::DGRAM, Some(protocol)).unwrap();
            let fd = socket.as_fd();
            options::enable_timestamping(fd, Stamps::TxRx).unwrap();
            options::recv_ttl(fd, family).unwrap();
            let mut batch = RecvBatch::new(8, 128);
            for id in 0..3 {
                send(fd, to, &echo_request(request, 1)).unwrap();
                let [sent] = tx_stamps(fd)[..] else {
                    panic!("one stamp per send")
                };
                assert_eq!(sent.id, id);
                assert_eq!(receive(fd, Queue::Data, &mut batch), 1);
                let reply = batch.get(0);
                assert_eq!(
                    (reply.bytes.len(), reply.ttl, reply.truncated),
                    (8, Some(64), false),
                    "{family:?}"
                );
                assert!(reply.rx_stamp.unwrap() >= sent.at);
            }
        }
    });
}

#[test]
fn tcp_segments_of_raw_sockets_are_stamped_and_numbered_with_and_without_our_own_ip_header() {
    in_fresh_network(|| {
        for header_included in [false, true] {
            let socket = raw(Domain::IPV4, Protocol::TCP);
            let fd = socket.as_fd();
            if header_included {
                options::header_included(fd, Family::V4).unwrap();
            }
            options::enable_timestamping(fd, Stamps::TxRx).unwrap();
            let mut packet = [0; 40];
            if header_included {
                (packet[0], packet[8], packet[9]) = (0x45, 64, 6);
                packet[16..20].copy_from_slice(&[127, 0, 0, 1]);
            }
            for _ in 0..3 {
                send(fd, HERE, &packet).unwrap();
            }
            assert_eq!(tx_ids(fd), [0, 1, 2]);
        }
    });
}

#[test]
fn a_restarted_counter_begins_at_0_and_earlier_stamps_keep_their_numbers() {
    let (socket, address) = udp();
    let fd = socket.as_fd();
    options::enable_timestamping(fd, Stamps::TxRx).unwrap();
    for _ in 0..3 {
        send(fd, address, b"x").unwrap();
    }
    options::restart_tx_counter(fd).unwrap();
    send(fd, address, b"x").unwrap();
    send(fd, address, b"x").unwrap();
    assert_eq!(tx_ids(fd), [0, 1, 2, 0, 1]);
    // Setting the same flags once more restarts nothing.
    options::enable_timestamping(fd, Stamps::TxRx).unwrap();
    send(fd, address, b"x").unwrap();
    assert_eq!(tx_ids(fd), [2]);
}

#[test]
fn icmp_errors_come_with_their_sender_and_with_what_they_are_about() {
    in_fresh_network(|| {
        for (local, family, icmp_type, code) in [
            (IpAddr::V4(Ipv4Addr::LOCALHOST), Family::V4, 3, 3),
            (IpAddr::V6(Ipv6Addr::LOCALHOST), Family::V6, 1, 4),
        ] {
            let socket = UdpSocket::bind((local, 0)).unwrap();
            let fd = socket.as_fd();
            options::recv_err(fd, family).unwrap();
            let closed = SocketAddr::new(local, 9);
            send(fd, closed, b"probe").unwrap();
            let mut batch = RecvBatch::new(4, 64);
            assert_eq!(receive(fd, Queue::Errors, &mut batch), 1);
            let error = batch.get(0);
            let expected = QueuedIcmpError {
                icmp_type,
                code,
                offender: Some(local),
                errno: libc::ECONNREFUSED,
            };
            assert_eq!(error.icmp_error, Some(expected));
            assert_eq!(
                (error.bytes, error.from, error.tx_stamp),
                (b"probe".as_slice(), Some(closed), None)
            );
            // Reading the error queue also takes back the pending error of the socket.
            send(fd, socket.local_addr().unwrap(), b"next").unwrap();
        }
    });
}

#[test]
fn a_pending_error_surfaces_once_at_the_data_queue_and_then_the_data_come() {
    in_fresh_network(|| {
        let (socket, address) = udp();
        let fd = socket.as_fd();
        options::recv_err(fd, Family::V4).unwrap();
        send(fd, address, b"data").unwrap();
        send(fd, SocketAddr::new(address.ip(), 9), b"probe").unwrap();
        let mut waiting = [PollFd::new(fd, Interest::Errors)];
        assert_eq!(poll(&mut waiting, Some(LONG)).unwrap(), 1);
        let mut batch = RecvBatch::new(4, 64);
        let error = batch.recv(fd, Queue::Data).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ECONNREFUSED));
        assert_eq!(receive(fd, Queue::Data, &mut batch), 1);
        assert_eq!(batch.get(0).bytes, b"data");
    });
}

#[test]
fn a_full_receive_buffer_swallows_send_stamps_silently() {
    let (socket, _) = udp();
    let (_receiver, to) = udp();
    let fd = socket.as_fd();
    options::enable_timestamping(fd, Stamps::TxRx).unwrap();
    socket2::SockRef::from(&fd).set_recv_buffer_size(1).unwrap();
    for _ in 0..64 {
        send(fd, to, b"x").unwrap();
    }
    let ids = tx_ids(fd);
    assert!(!ids.is_empty() && ids.len() < 64, "{} of 64 stamps", ids.len());
    assert!(
        ids.iter().copied().zip(0..).all(|(id, expected)| id == expected),
        "the first ones are kept: {ids:?}"
    );
    send(fd, to, b"x").unwrap();
    assert_eq!(tx_ids(fd), [64], "the lost ones count");
}

/// Receives until an ICMP message of this type comes; raw sockets on loopback also hear the requests.
fn receive_icmp<'a>(fd: BorrowedFd<'_>, batch: &'a mut RecvBatch, family: Family, icmp_type: u8) -> Received<'a> {
    let header = match family {
        Family::V4 => 20,
        Family::V6 => 0,
    };
    loop {
        receive(fd, Queue::Data, batch);
        let found = batch
            .iter()
            .position(|message| message.bytes.get(header) == Some(&icmp_type));
        if let Some(index) = found {
            return batch.get(index);
        }
    }
}

const LONG_NANOS: i64 = 10_000_000_000;
