use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;

use socket2::{Domain, Protocol};

use super::*;
use crate::sys::testing::{LONG, echo_request, in_fresh_network, raw, receive, send, shell, udp, without_capabilities};
use crate::sys::{Interest, PollFd, Queue, RecvBatch, poll};

const ECHO_REQUEST: u8 = 8;
const ECHO_REPLY: u8 = 0;
const HERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

#[test]
fn the_receive_buffer_is_forced_beyond_the_limit_with_privilege() {
    in_fresh_network(|| {
        let (socket, _) = udp();
        let limit: usize = std::fs::read_to_string("/proc/sys/net/core/rmem_max")
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        let buffer = force_receive_buffer(socket.as_fd(), 2 * limit).unwrap();
        // The kernel doubles what it is asked for, to make room for its own overhead (socket(7)).
        let expected = ReceiveBuffer {
            bytes: 4 * limit,
            forced: true,
        };
        assert_eq!(buffer, expected);
        // Far too much is no error.
        assert!(force_receive_buffer(socket.as_fd(), usize::MAX).unwrap().bytes > limit);
    });
}

#[test]
fn the_receive_buffer_stops_at_the_limit_without_privilege() {
    let limit: usize = std::fs::read_to_string("/proc/sys/net/core/rmem_max")
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    without_capabilities(|| {
        let (socket, _) = udp();
        let buffer = force_receive_buffer(socket.as_fd(), 2 * limit).unwrap();
        let expected = ReceiveBuffer {
            bytes: 2 * limit,
            forced: false,
        };
        assert_eq!(buffer, expected);
    });
}

#[test]
fn packets_beyond_the_receive_buffer_are_counted() {
    let (socket, address) = udp();
    let fd = socket.as_fd();
    assert_eq!(receive_drops(fd).unwrap(), 0);
    SockRef::from(&fd).set_recv_buffer_size(1).unwrap();
    for _ in 0..100 {
        send(fd, address, &[0; 512]).unwrap();
    }
    let kept = drain(fd).unwrap();
    let dropped = usize::try_from(receive_drops(fd).unwrap()).unwrap();
    assert!(kept > 0 && dropped > 0);
    assert_eq!(kept + dropped, 100);
}

#[test]
fn after_drop_all_and_drain_only_what_the_real_filter_lets_pass_is_received() {
    let (socket, address) = udp();
    let fd = socket.as_fd();
    send(fd, address, b"before 1").unwrap();
    send(fd, address, b"").unwrap();
    attach_drop_all(fd).unwrap();
    send(fd, address, b"between").unwrap();
    assert_eq!(drain(fd).unwrap(), 2);
    assert_eq!(drain(fd).unwrap(), 0);
    // The first byte of the payload, behind 8 bytes of UDP header, must be 'y'.
    let program = [
        FilterInstruction {
            code: 0x30,
            jt: 0,
            jf: 0,
            k: 8,
        },
        FilterInstruction {
            code: 0x15,
            jt: 0,
            jf: 1,
            k: u32::from(b'y'),
        },
        FilterInstruction {
            code: 0x06,
            jt: 0,
            jf: 0,
            k: u32::MAX,
        },
        FilterInstruction {
            code: 0x06,
            jt: 0,
            jf: 0,
            k: 0,
        },
    ];
    attach_filter(fd, &program).unwrap();
    for bytes in [b"no", b"y1", b"no", b"y2"] {
        send(fd, address, bytes).unwrap();
    }
    let mut batch = RecvBatch::new(8, 16);
    assert_eq!(receive(fd, Queue::Data, &mut batch), 2);
    assert_eq!(
        (batch.get(0).bytes, batch.get(1).bytes),
        (b"y1".as_slice(), b"y2".as_slice())
    );
}

#[test]
fn programs_that_the_kernel_does_not_accept_are_errors() {
    let (socket, _) = udp();
    let fd = socket.as_fd();
    let endless = FilterInstruction {
        code: 0x30,
        jt: 0,
        jf: 0,
        k: 0,
    };
    for program in [vec![], vec![endless], vec![endless; 70_000]] {
        assert_eq!(
            attach_filter(fd, &program).unwrap_err().raw_os_error(),
            Some(libc::EINVAL)
        );
    }
}

#[test]
fn icmp_filters_keep_blocked_types_away() {
    in_fresh_network(|| {
        let socket = raw(Domain::IPV4, Protocol::ICMPV4);
        set_icmp_filter(socket.as_fd(), !(1 << ECHO_REPLY)).unwrap();
        let mut batch = RecvBatch::new(8, 64);
        for sequence in 0..3 {
            send(socket.as_fd(), HERE, &echo_request(ECHO_REQUEST, sequence)).unwrap();
            // The request passed this socket on loopback before the reply did.
            assert_eq!(receive(socket.as_fd(), Queue::Data, &mut batch), 1);
            assert_eq!((batch.get(0).bytes[20], batch.get(0).bytes[27]), (ECHO_REPLY, sequence));
        }

        let socket = raw(Domain::IPV6, Protocol::ICMPV6);
        let mut blocked = [u32::MAX; 8];
        blocked[129 / 32] &= !(1 << (129 % 32));
        set_icmp6_filter(socket.as_fd(), blocked).unwrap();
        let here = SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, 0));
        for sequence in 0..3 {
            send(socket.as_fd(), here, &echo_request(128, sequence)).unwrap();
            assert_eq!(receive(socket.as_fd(), Queue::Data, &mut batch), 1);
            assert_eq!((batch.get(0).bytes[0], batch.get(0).bytes[7]), (129, sequence));
        }
    });
}

#[test]
fn a_fresh_connection_has_an_rtt_and_no_retransmits() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let info = tcp_info(stream.as_fd()).unwrap();
    assert!(info.rtt > Duration::ZERO && info.rtt < LONG, "{info:?}");
    assert_eq!(info.total_retransmits, 0);
    let (socket, _) = udp();
    assert!(tcp_info(socket.as_fd()).is_err(), "not a connection");
}

#[test]
fn a_connection_whose_first_syn_was_lost_counts_a_retransmit() {
    in_fresh_network(|| {
        shell(
            "nft 'table ip t { chain i { type filter hook input priority 0; tcp flags syn / syn,ack numgen inc mod 2 == 0 drop; }; }'",
        );
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert_eq!(tcp_info(stream.as_fd()).unwrap().total_retransmits, 1);
    });
}

#[test]
fn closing_with_linger_reset_sends_a_reset() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (accepted, _) = listener.accept().unwrap();
    set_linger_reset(stream.as_fd()).unwrap();
    drop(stream);
    let mut waiting = [PollFd::new(accepted.as_fd(), Interest::Errors)];
    assert_eq!(poll(&mut waiting, Some(LONG)).unwrap(), 1);
    let error = accepted.take_error().unwrap().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[test]
fn a_socket_bound_to_a_device_sends_by_no_other() {
    in_fresh_network(|| {
        let (socket, address) = udp();
        bind_to_device(socket.as_fd(), "lo").unwrap();
        assert_eq!(send(socket.as_fd(), address, b"x"), Ok(()));
        let unknown = bind_to_device(socket.as_fd(), "no-such-if").unwrap_err();
        assert_eq!(unknown.raw_os_error(), Some(libc::ENODEV));
    });
}

#[test]
fn our_own_ip_header_reaches_the_wire() {
    in_fresh_network(|| {
        let socket = raw(Domain::IPV4, Protocol::ICMPV4);
        header_included(socket.as_fd(), Family::V4).unwrap();
        recv_ttl(socket.as_fd(), Family::V4).unwrap();
        let mut packet = [0; 28];
        (packet[0], packet[8], packet[9]) = (0x45, 7, 1);
        packet[16..20].copy_from_slice(&[127, 0, 0, 1]);
        packet[20..].copy_from_slice(&echo_request(ECHO_REQUEST, 1));
        send(socket.as_fd(), HERE, &packet).unwrap();
        let mut batch = RecvBatch::new(1, 64);
        assert_eq!(receive(socket.as_fd(), Queue::Data, &mut batch), 1);
        assert_eq!((batch.get(0).ttl, batch.get(0).bytes[20]), (Some(7), ECHO_REQUEST));
    });
}

#[test]
fn a_restart_keeps_the_other_flags() {
    let (socket, _) = udp();
    let fd = socket.as_fd();
    let flags = || word(&get::<8>(fd, libc::SOL_SOCKET, libc::SO_TIMESTAMPING).unwrap().0, 0);
    enable_timestamping(fd, Stamps::TxRx).unwrap();
    let before = flags();
    restart_tx_counter(fd).unwrap();
    assert_eq!(flags(), before);
    // linux/net_tstamp.h: TX_SOFTWARE, RX_SOFTWARE, SOFTWARE, OPT_ID, OPT_TSONLY.
    assert_eq!(before, 1 << 1 | 1 << 3 | 1 << 4 | 1 << 7 | 1 << 11);
}
