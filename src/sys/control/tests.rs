use proptest::prelude::*;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use super::*;

/// Appends a control message as the kernel's `put_cmsg` does.
fn put(buffer: &mut Vec<u8>, level: i32, kind: i32, data: &[u8]) {
    buffer.extend((HEADER_BYTES + data.len()).to_ne_bytes());
    buffer.extend(level.to_ne_bytes());
    buffer.extend(kind.to_ne_bytes());
    buffer.extend(data);
    buffer.resize(buffer.len().next_multiple_of(ALIGNMENT), 0);
}

/// `struct scm_timestamping`.
fn stamps(software: [i64; 2], hardware: [i64; 2]) -> Vec<u8> {
    let words = [software, [0, 0], hardware].concat();
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

/// `struct sock_extended_err`, and the offender.
fn extended_error(errno: u32, bytes: [u8; 4], info: u32, data: u32, offender: &[u8]) -> Vec<u8> {
    let mut error = errno.to_ne_bytes().to_vec();
    error.extend(bytes);
    error.extend(info.to_ne_bytes());
    error.extend(data.to_ne_bytes());
    error.extend(offender);
    error
}

/// `struct sockaddr_in`.
fn sockaddr_in(ip: [u8; 4], port: u16) -> Vec<u8> {
    let mut address = 2_u16.to_ne_bytes().to_vec();
    address.extend(port.to_be_bytes());
    address.extend(ip);
    address.extend([0; 8]);
    address
}

/// `struct sockaddr_in6`.
fn sockaddr_in6(ip: [u8; 16], port: u16, scope: u32) -> Vec<u8> {
    let mut address = 10_u16.to_ne_bytes().to_vec();
    address.extend(port.to_be_bytes());
    address.extend([0; 4]);
    address.extend(ip);
    address.extend(scope.to_ne_bytes());
    address
}

const NOON: Wall = Wall::from_nanos(1_700_000_000_000_000_042);

#[test]
fn a_stamp_alone_is_of_the_arrival_and_only_the_software_stamp_counts() {
    let mut buffer = Vec::new();
    put(
        &mut buffer,
        libc::SOL_SOCKET,
        libc::SCM_TIMESTAMPING,
        &stamps([1_700_000_000, 42], [5, 5]),
    );
    put(&mut buffer, libc::IPPROTO_IP, libc::IP_TTL, &57_i32.to_ne_bytes());
    let control = decode(&buffer);
    assert_eq!(control.rx_stamp(), Some(NOON));
    assert_eq!(control.ttl, Some(57));
    assert_eq!((control.tx_stamp(), control.icmp_error()), (None, None));

    buffer.clear();
    put(
        &mut buffer,
        libc::SOL_SOCKET,
        libc::SCM_TIMESTAMPING,
        &stamps([0, 0], [5, 5]),
    );
    assert_eq!(decode(&buffer).rx_stamp(), None);
}

#[test]
fn a_stamp_with_the_send_origin_is_of_the_sending_in_either_order_and_family() {
    let stamp = stamps([1_700_000_000, 42], [0, 0]);
    // ENOMSG, SO_EE_ORIGIN_TIMESTAMPING, SCM_TSTAMP_SND, number 7.
    let error = extended_error(42, [4, 0, 0, 0], 0, 7, &[0; 16]);
    for (level, kind) in [
        (libc::IPPROTO_IP, libc::IP_RECVERR),
        (libc::IPPROTO_IPV6, libc::IPV6_RECVERR),
    ] {
        for stamp_first in [true, false] {
            let mut buffer = Vec::new();
            if stamp_first {
                put(&mut buffer, libc::SOL_SOCKET, libc::SCM_TIMESTAMPING, &stamp);
            }
            put(&mut buffer, level, kind, &error);
            if !stamp_first {
                put(&mut buffer, libc::SOL_SOCKET, libc::SCM_TIMESTAMPING, &stamp);
            }
            let control = decode(&buffer);
            assert_eq!(control.tx_stamp(), Some(TxStamp { id: 7, at: NOON }));
            assert_eq!((control.rx_stamp(), control.icmp_error()), (None, None));
        }
    }
}

#[test]
fn stamps_of_the_queueing_discipline_are_not_send_stamps() {
    let mut buffer = Vec::new();
    put(
        &mut buffer,
        libc::SOL_SOCKET,
        libc::SCM_TIMESTAMPING,
        &stamps([1_700_000_000, 42], [0, 0]),
    );
    // SCM_TSTAMP_SCHED is 1.
    put(
        &mut buffer,
        libc::IPPROTO_IP,
        libc::IP_RECVERR,
        &extended_error(42, [4, 0, 0, 0], 1, 7, &[]),
    );
    assert_eq!((decode(&buffer).tx_stamp(), decode(&buffer).rx_stamp()), (None, None));
}

#[test]
fn icmp_errors_carry_their_type_code_and_sender() {
    let offender = sockaddr_in([192, 0, 2, 1], 0);
    let mut buffer = Vec::new();
    put(
        &mut buffer,
        libc::IPPROTO_IP,
        libc::IP_RECVERR,
        &extended_error(113, [2, 3, 1, 0], 0, 0, &offender),
    );
    let expected = QueuedIcmpError {
        icmp_type: 3,
        code: 1,
        offender: Some(IpAddr::from([192, 0, 2, 1])),
        errno: 113,
    };
    assert_eq!(decode(&buffer).icmp_error(), Some(expected));

    let router = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
    let offender = sockaddr_in6(router.octets(), 0, 0);
    let mut buffer = Vec::new();
    put(
        &mut buffer,
        libc::IPPROTO_IPV6,
        libc::IPV6_RECVERR,
        &extended_error(111, [3, 1, 4, 0], 0, 0, &offender),
    );
    let error = decode(&buffer).icmp_error().unwrap();
    assert_eq!(
        (error.icmp_type, error.code, error.offender),
        (1, 4, Some(IpAddr::V6(router)))
    );

    // An error that this host made itself (SO_EE_ORIGIN_LOCAL) is no ICMP error.
    let mut buffer = Vec::new();
    put(
        &mut buffer,
        libc::IPPROTO_IP,
        libc::IP_RECVERR,
        &extended_error(90, [1, 0, 0, 0], 1500, 0, &[0; 16]),
    );
    assert_eq!(decode(&buffer).icmp_error(), None);
}

#[test]
fn a_header_that_claims_too_much_or_too_little_ends_the_walk() {
    let mut good = Vec::new();
    put(&mut good, libc::IPPROTO_IP, libc::IP_TTL, &64_i32.to_ne_bytes());
    for len in [0, HEADER_BYTES - 1, HEADER_BYTES + 100, usize::MAX, usize::MAX - 7] {
        let mut buffer = len.to_ne_bytes().to_vec();
        buffer.extend([0; 8]);
        buffer.extend(&good);
        assert_eq!(decode(&buffer), Control::default(), "length {len}");
    }
    // What came before it counts, and a value that is cut short is absent.
    assert_eq!(decode(&good[..HEADER_BYTES + 4]).ttl, Some(64));
    assert_eq!(decode(&good[..HEADER_BYTES + 3]).ttl, None);
}

#[test]
fn values_out_of_range_are_absent() {
    for ttl in [-1_i32, 256] {
        let mut buffer = Vec::new();
        put(&mut buffer, libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT, &ttl.to_ne_bytes());
        assert_eq!(decode(&buffer).ttl, None);
    }
    for software in [[-1, 0], [0, -1], [i64::MAX, 0], [i64::MAX, i64::MAX]] {
        let mut buffer = Vec::new();
        put(
            &mut buffer,
            libc::SOL_SOCKET,
            libc::SCM_TIMESTAMPING,
            &stamps(software, [0, 0]),
        );
        assert_eq!(decode(&buffer).rx_stamp(), None);
    }
}

#[test]
fn addresses_of_both_families_are_read_and_all_others_are_absent() {
    for text in ["192.0.2.7:4242", "[2001:db8::9]:80", "[fe80::1%3]:7"] {
        let address: SocketAddr = text.parse().unwrap();
        let bytes = match address {
            SocketAddr::V4(v4) => sockaddr_in(v4.ip().octets(), v4.port()),
            SocketAddr::V6(v6) => sockaddr_in6(v6.ip().octets(), v6.port(), v6.scope_id()),
        };
        assert_eq!(decode_address(&bytes), Some(address));
        assert_eq!(decode_address(&bytes[..bytes.len() - 9]), None, "cut short");
    }
    assert_eq!(decode_address(&17_u16.to_ne_bytes()), None, "a packet address");
    assert_eq!(decode_address(&[]), None);
}

/// The walk of the C library's macros, as an oracle: level, type and length of each message.
fn walk_of_the_c_library(bytes: &[u8]) -> Vec<(i32, i32, usize)> {
    let mut buffer = ControlBuffer::EMPTY;
    buffer.0[..bytes.len()].copy_from_slice(bytes);
    let mut header = crate::sys::EMPTY_HEADER.msg_hdr;
    header.msg_control = buffer.as_mut_ptr();
    header.msg_controllen = bytes.len() as _;
    let mut found = Vec::new();
    // SAFETY: the header describes an aligned buffer that outlives the walk.
    let mut message = unsafe { libc::CMSG_FIRSTHDR(&raw const header) };
    while !message.is_null() {
        // SAFETY: the macros return null or a pointer to a whole header within the buffer.
        let this = unsafe { message.read() };
        found.push((this.cmsg_level, this.cmsg_type, this.cmsg_len as usize));
        // SAFETY: `message` is one of the headers of this buffer.
        message = unsafe { libc::CMSG_NXTHDR(&raw const header, message) };
    }
    found
}

proptest! {
    #[test]
    fn the_walk_is_that_of_the_c_library(messages in prop::collection::vec((0..300_i32, 0..70_i32, 0..40_usize), 0..4)) {
        let mut buffer = Vec::new();
        for (level, kind, len) in messages {
            put(&mut buffer, level, kind, &vec![0xA5; len]);
        }
        let mut rest = buffer.as_slice();
        let mut found = Vec::new();
        while let Some((message, next)) = split_message(rest) {
            found.push((message.level, message.kind, HEADER_BYTES + message.data.len()));
            rest = next;
        }
        prop_assert_eq!(found, walk_of_the_c_library(&buffer));
    }

    #[test]
    fn any_bytes_are_decoded_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..CONTROL_BYTES)) {
        let control = decode(&bytes);
        let _ = (control.rx_stamp(), control.tx_stamp(), control.icmp_error(), decode_address(&bytes));
    }
}

/// `PATHJITTER_CASES` asks for more than the usual ones, as in `tests/hostile`.
fn cases() -> u64 {
    let asked = std::env::var("PATHJITTER_CASES").ok();
    asked.map_or(20_000, |text| text.parse().expect("PATHJITTER_CASES is a number"))
}

#[test]
fn any_damage_to_real_messages_is_survived() {
    let error = extended_error(42, [4, 0, 0, 0], 0, 7, &sockaddr_in([1; 4], 0));
    let mut real = Vec::new();
    put(
        &mut real,
        libc::SOL_SOCKET,
        libc::SCM_TIMESTAMPING,
        &stamps([1_700_000_000, 42], [0, 0]),
    );
    put(&mut real, libc::IPPROTO_IP, libc::IP_RECVERR, &error);
    put(&mut real, libc::IPPROTO_IP, libc::IP_TTL, &57_i32.to_ne_bytes());
    for seed in 0..cases() {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut buffer = real.clone();
        for _ in 0..random.random_range(1..4) {
            let at = random.random_range(0..buffer.len());
            buffer[at] ^= random.random::<u8>();
        }
        buffer.truncate(random.random_range(0..=buffer.len()));
        // No message is shorter than its header, so that the walk is as long as the buffer allows at most.
        let mut rest = buffer.as_slice();
        let mut walked = 0;
        while let Some((_, next)) = split_message(rest) {
            rest = next;
            walked += 1;
        }
        assert!(walked <= buffer.len() / HEADER_BYTES, "seed {seed}");
        let control = decode(&buffer);
        assert!(
            control.rx_stamp().is_none() || control.tx_stamp().is_none(),
            "seed {seed}"
        );
        let _ = (control.icmp_error(), decode_address(&buffer));
    }
    eprintln!("control messages: {} cases", cases());
}
