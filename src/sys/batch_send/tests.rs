use std::net::IpAddr;
use std::os::fd::AsFd;

use socket2::{Domain, Protocol, Socket, Type};

use super::*;
use crate::sys::testing::{LONG, echo_request, in_fresh_network, raw, receive, send, shell, tx_ids, udp};
use crate::sys::{Family, Interest, PollFd, Queue, RecvBatch, Stamps, options, poll, uses_tx_number};

/// A message of one byte.
fn byte(value: u8) -> impl FnOnce(&mut [u8]) -> usize {
    move |slot| {
        slot[0] = value;
        1
    }
}

#[test]
fn a_full_batch_refuses_another_message_and_asks_for_no_bytes() {
    let to = SocketAddr::from(([127, 0, 0, 1], 9));
    let mut batch = SendBatch::new(2, 8);
    assert!(batch.is_empty());
    assert_eq!(batch.push(to, byte(0)), Pushed::Queued);
    assert!(!batch.is_full());
    assert_eq!(batch.push(to, byte(1)), Pushed::Queued);
    assert!(batch.is_full());
    assert_eq!(batch.push(to, |_slot| panic!("there is no slot")), Pushed::Full);
    assert_eq!((batch.len(), batch.unsent()), (2, 2));
    batch.clear();
    assert_eq!((batch.len(), batch.unsent(), batch.cursor()), (0, 0, 0));
}

#[test]
fn batches_without_slots_or_without_bytes_do_nothing_and_survive() {
    let (socket, to) = udp();
    let mut batch = SendBatch::new(0, 8);
    assert_eq!(batch.push(to, |_| 0), Pushed::Full);
    batch.skip_one();
    let progress = batch.send(socket.as_fd());
    assert_eq!((progress.sent, progress.failed), (0, None));
    let mut batch = SendBatch::new(1, 0);
    assert_eq!(batch.push(to, |_slot| 0), Pushed::Queued);
    assert_eq!(batch.send(socket.as_fd()).sent, 1);
}

#[test]
fn messages_arrive_whole_in_order_and_no_longer_than_their_slot() {
    let (sender, _) = udp();
    let (peer, to) = udp();
    let mut batch = SendBatch::new(3, 4);
    let _ = batch.push(to, |slot| {
        slot.copy_from_slice(b"abcd");
        2
    });
    let _ = batch.push(to, |_slot| 0);
    let _ = batch.push(to, |slot| {
        slot.copy_from_slice(b"wxyz");
        usize::MAX
    });
    let progress = batch.send(sender.as_fd());
    assert_eq!((progress.sent, progress.failed, batch.unsent()), (3, None, 0));
    let mut received = RecvBatch::new(8, 16);
    assert_eq!(receive(peer.as_fd(), Queue::Data, &mut received), 3);
    let contents: Vec<_> = received.iter().map(|message| message.bytes.to_vec()).collect();
    assert_eq!(contents, [b"ab".to_vec(), b"".to_vec(), b"wxyz".to_vec()]);
    assert!(received.iter().all(|message| message.from == sender.local_addr().ok()));
}

#[test]
fn a_failure_in_the_middle_is_told_by_the_next_call_and_can_be_skipped() {
    let (sender, _) = udp();
    let (peer, to) = udp();
    // Without SO_BROADCAST the loopback network's broadcast address is EACCES (udp_sendmsg).
    let broadcast = SocketAddr::from(([127, 255, 255, 255], 9));
    let mut batch = SendBatch::new(8, 4);
    for (value, to) in [(0, to), (1, to), (2, broadcast), (3, to), (4, broadcast)] {
        let _ = batch.push(to, byte(value));
    }
    let first = batch.send(sender.as_fd());
    assert_eq!((first.sent, first.failed, first.tries), (2, None, 1));
    for tries in [2, 3] {
        let stuck = batch.send(sender.as_fd());
        assert_eq!((stuck.sent, stuck.failed, stuck.tries), (0, Some(libc::EACCES), tries));
        assert_eq!(batch.cursor(), 2);
    }
    batch.skip_one();
    let rest = batch.send(sender.as_fd());
    assert_eq!((rest.sent, rest.failed, rest.tries), (1, None, 1));
    batch.skip_one();
    let end = batch.send(sender.as_fd());
    assert_eq!((end.sent, end.failed, end.tries, batch.unsent()), (0, None, 0, 0));

    let mut received = RecvBatch::new(8, 4);
    assert_eq!(receive(peer.as_fd(), Queue::Data, &mut received), 3);
    let values: Vec<_> = received.iter().map(|message| message.bytes[0]).collect();
    assert_eq!(values, [0, 1, 3]);
}

#[test]
fn a_batch_can_be_filled_on_one_thread_and_sent_on_another() {
    let (sender, _) = udp();
    let (peer, to) = udp();
    let mut batch = SendBatch::new(1, 4);
    let _ = batch.push(to, byte(7));
    let sent = std::thread::spawn(move || batch.send(sender.as_fd()).sent)
        .join()
        .unwrap();
    assert_eq!(sent, 1);
    let mut received = RecvBatch::new(1, 4);
    receive(peer.as_fd(), Queue::Data, &mut received);
    assert_eq!(received.get(0).bytes, [7]);
}

/// The kinds of sockets that number their send stamps.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Udp,
    RawIcmp,
    DatagramIcmp,
    RawTcp,
    RawTcpWithHeader,
}

const KINDS: [Kind; 5] = [
    Kind::Udp,
    Kind::RawIcmp,
    Kind::DatagramIcmp,
    Kind::RawTcp,
    Kind::RawTcpWithHeader,
];

impl Kind {
    fn open(self) -> Socket {
        let socket = match self {
            Self::Udp => Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap(),
            Self::RawIcmp => raw(Domain::IPV4, Protocol::ICMPV4),
            Self::DatagramIcmp => Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::ICMPV4)).unwrap(),
            Self::RawTcp | Self::RawTcpWithHeader => raw(Domain::IPV4, Protocol::TCP),
        };
        if self == Self::RawTcpWithHeader {
            options::header_included(socket.as_fd(), Family::V4).unwrap();
        }
        options::enable_timestamping(socket.as_fd(), Stamps::TxRx).unwrap();
        socket
    }

    fn address(self, ip: [u8; 4]) -> SocketAddr {
        let port = if self == Self::Udp { 9 } else { 0 };
        SocketAddr::new(IpAddr::from(ip), port)
    }

    /// Something that the kernel takes for a packet of this kind to `ip`.
    fn packet(self, ip: [u8; 4], len: usize) -> Vec<u8> {
        let mut packet = vec![0; len];
        match self {
            Self::Udp | Self::RawTcp => {}
            Self::RawIcmp | Self::DatagramIcmp => packet[0] = 8,
            Self::RawTcpWithHeader => {
                (packet[0], packet[8], packet[9]) = (0x45, 64, 6);
                packet[16..20].copy_from_slice(&ip);
            }
        }
        packet
    }

    fn send(self, socket: &Socket, ip: [u8; 4], len: usize) -> Result<(), i32> {
        send(socket.as_fd(), self.address(ip), &self.packet(ip, len))
    }
}

const HERE: [u8; 4] = [127, 0, 0, 1];

fn permit_datagram_icmp() {
    shell("echo 0 4294967294 >/proc/sys/net/ipv4/ping_group_range");
}

#[test]
fn sends_that_fail_before_the_packet_is_built_use_no_number() {
    in_fresh_network(|| {
        permit_datagram_icmp();
        for kind in KINDS {
            for (ip, len, errno) in [([10, 9, 9, 9], 40, libc::ENETUNREACH), (HERE, 70_000, libc::EMSGSIZE)] {
                let socket = kind.open();
                assert_eq!(kind.send(&socket, HERE, 40), Ok(()), "{kind:?}");
                assert_eq!(kind.send(&socket, ip, len), Err(errno), "{kind:?}");
                assert_eq!(kind.send(&socket, HERE, 40), Ok(()), "{kind:?}");
                assert!(!uses_tx_number(errno));
                assert_eq!(tx_ids(socket.as_fd()), [0, 1], "{kind:?} {errno}");
            }
        }
    });
}

#[test]
fn a_send_that_the_firewall_drops_uses_a_number() {
    in_fresh_network(|| {
        permit_datagram_icmp();
        drop_output_to_127_0_0_9();
        for kind in KINDS {
            let socket = kind.open();
            assert_eq!(kind.send(&socket, HERE, 40), Ok(()), "{kind:?}");
            assert_eq!(kind.send(&socket, [127, 0, 0, 9], 40), Err(libc::EPERM), "{kind:?}");
            assert_eq!(kind.send(&socket, HERE, 40), Ok(()), "{kind:?}");
            assert!(uses_tx_number(libc::EPERM));
            assert_eq!(tx_ids(socket.as_fd()), [0, 2], "{kind:?}");
        }
    });
}

#[test]
fn a_message_in_a_batch_that_the_firewall_drops_uses_a_number_per_try() {
    in_fresh_network(|| {
        drop_output_to_127_0_0_9();
        let socket = Kind::RawIcmp.open();
        let mut batch = SendBatch::new(4, 40);
        for ip in [HERE, HERE, [127, 0, 0, 9], HERE] {
            let _ = batch.push(Kind::RawIcmp.address(ip), |slot| {
                slot.copy_from_slice(&Kind::RawIcmp.packet(ip, 40));
                40
            });
        }
        assert_eq!(batch.send(socket.as_fd()).sent, 2);
        let stuck = batch.send(socket.as_fd());
        assert_eq!((stuck.failed, stuck.tries), (Some(libc::EPERM), 2));
        batch.skip_one();
        assert_eq!(batch.send(socket.as_fd()).sent, 1);
        assert_eq!(tx_ids(socket.as_fd()), [0, 1, 1 + 1 + stuck.tries]);
    });
}

#[test]
fn a_full_queue_of_this_host_drops_silently_unless_errors_are_asked_for_and_always_uses_a_number() {
    in_fresh_network(|| {
        permit_datagram_icmp();
        for kind in KINDS {
            // ping_v4_sendmsg alone hands on what ip_push_pending_frames says; the others ask inet->recverr first.
            let silent = if kind == Kind::DatagramIcmp {
                Err(libc::ENOBUFS)
            } else {
                Ok(())
            };
            for (ask, outcome) in [(false, silent), (true, Err(libc::ENOBUFS))] {
                let socket = kind.open();
                if ask {
                    options::recv_err(socket.as_fd(), Family::V4).unwrap();
                }
                shell("tc qdisc add dev lo root pfifo limit 0");
                assert_eq!(kind.send(&socket, HERE, 40), outcome, "{kind:?} {ask}");
                shell("tc qdisc del dev lo root");
                assert_eq!(kind.send(&socket, HERE, 40), Ok(()), "{kind:?} {ask}");
                assert!(uses_tx_number(libc::ENOBUFS));
                assert_eq!(tx_ids(socket.as_fd()), [1], "{kind:?} {ask}");
            }
        }
    });
}

#[test]
fn the_icmp_error_of_an_earlier_message_fails_the_next_try_once() {
    in_fresh_network(|| {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap();
        let fd = socket.as_fd();
        options::recv_err(fd, Family::V4).unwrap();
        // Nothing listens at port 9 of a fresh network.
        assert_eq!(Kind::Udp.send(&socket, HERE, 4), Ok(()));
        assert_eq!(poll(&mut [PollFd::new(fd, Interest::Errors)], Some(LONG)).unwrap(), 1);
        options::enable_timestamping(fd, Stamps::TxRx).unwrap();
        assert_eq!(Kind::Udp.send(&socket, HERE, 4), Err(libc::ECONNREFUSED));
        assert!(!uses_tx_number(libc::ECONNREFUSED));
        assert_eq!(Kind::Udp.send(&socket, HERE, 4), Ok(()));
        assert_eq!(tx_ids(fd), [0]);
    });
}

fn drop_output_to_127_0_0_9() {
    shell("nft 'table ip t { chain o { type filter hook output priority 0; ip daddr 127.0.0.9 drop; }; }'");
}

#[test]
fn a_ttl_is_that_of_one_message_alone_on_each_kind_of_socket_and_family() {
    in_fresh_network(|| {
        permit_datagram_icmp();
        for family in [Family::V4, Family::V6] {
            for kind in [Type::RAW, Type::DGRAM] {
                let sender = icmp(family, kind);
                let watcher = icmp(family, Type::RAW);
                options::recv_ttl(watcher.as_fd(), family).unwrap();
                let (to, request) = match family {
                    Family::V4 => (SocketAddr::from(([127, 0, 0, 1], 0)), echo_request(8, 1)),
                    Family::V6 => (
                        SocketAddr::new(std::net::Ipv6Addr::LOCALHOST.into(), 0),
                        echo_request(128, 1),
                    ),
                };
                let mut batch = SendBatch::new(5, 8);
                let mut seen = |ttls: &[Option<u8>]| {
                    batch.clear();
                    for &ttl in ttls {
                        let _ = batch.push_with_ttl(to, ttl, |slot| {
                            slot.copy_from_slice(&request);
                            8
                        });
                    }
                    let progress = batch.send(sender.as_fd());
                    assert_eq!(
                        (progress.sent, progress.failed),
                        (ttls.len(), None),
                        "{family:?} {kind:?}"
                    );
                    request_ttls(&watcher, family)
                };
                assert_eq!(
                    seen(&[None, Some(1), Some(7), None, Some(255)]),
                    [64, 1, 7, 64, 255],
                    "{family:?} {kind:?}"
                );
                assert_eq!(
                    seen(&[None, None, None]),
                    [64, 64, 64],
                    "what a message had, its slot forgets"
                );
                assert_eq!(seen(&[Some(9)]), [9]);
            }
        }
    });
}

fn icmp(family: Family, kind: Type) -> Socket {
    let (domain, protocol) = match family {
        Family::V4 => (Domain::IPV4, Protocol::ICMPV4),
        Family::V6 => (Domain::IPV6, Protocol::ICMPV6),
    };
    Socket::new(domain, kind.cloexec(), Some(protocol)).unwrap()
}

/// The TTLs of the echo requests that arrived. On loopback they do so during the send call.
fn request_ttls(watcher: &Socket, family: Family) -> Vec<u8> {
    let mut received = RecvBatch::new(64, 64);
    received.recv(watcher.as_fd(), Queue::Data).unwrap();
    let (icmp_at, request) = match family {
        Family::V4 => (20, 8),
        Family::V6 => (0, 128),
    };
    let requests = received.iter().filter(|message| message.bytes[icmp_at] == request);
    requests.map(|message| message.ttl.unwrap()).collect()
}
