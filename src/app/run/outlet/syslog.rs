//! A syslog server: datagrams of this host, datagrams over UDP, or one stream over TCP with each message behind its length.
//!
//! UDP tells nobody what it loses. TCP tells it late: what the kernel took and the server did not read when it went away is lost as well. A
//! server that has closed the stream is noticed before the next message is written, so a restart between two messages loses none.

use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::RecvFlags;

use super::forwarder::{Forwarder, Refusal, Way};
use crate::config::SyslogAddress;
use crate::report::SyslogForm;
use crate::sys;

/// Sends messages to a server.
///
/// # Errors
/// If no thread can be started.
pub(super) fn start(address: &SyslogAddress) -> io::Result<Forwarder> {
    let host = sys::process::host_name().unwrap_or_default();
    let form = SyslogForm::new(&host, std::process::id());
    let form = Box::new(move |line: &[u8]| form.message(line));
    let name = format!("syslog at {address}");
    match address {
        SyslogAddress::Unix(path) => Forwarder::start(name, form, Local::new(path.clone())),
        SyslogAddress::Udp(to) => Forwarder::start(name, form, Udp::new(*to)),
        SyslogAddress::Tcp(to) => Forwarder::start(name, form, Tcp::new(*to)),
    }
}

/// A socket of this host, such as `/dev/log`.
struct Local {
    path: PathBuf,
    socket: Option<UnixDatagram>,
}

impl Local {
    const fn new(path: PathBuf) -> Self {
        Self { path, socket: None }
    }
}

impl Way for Local {
    fn send(&mut self, message: &[u8]) -> Result<(), Refusal> {
        if self.socket.is_none() {
            let socket = UnixDatagram::unbound().map_err(Refusal::Peer)?;
            socket.set_write_timeout(Some(PATIENCE)).map_err(Refusal::Peer)?;
            self.socket = Some(socket);
        }
        let sent = self.socket.as_ref().map(|socket| socket.send_to(message, &self.path));
        sent.map_or(Ok(()), taken)
    }
}

/// A datagram for each message.
struct Udp {
    to: SocketAddr,
    /// Not connected: then an error is about this message, and not about the one before.
    socket: Option<UdpSocket>,
}

impl Udp {
    const fn new(to: SocketAddr) -> Self {
        Self { to, socket: None }
    }
}

impl Way for Udp {
    fn send(&mut self, message: &[u8]) -> Result<(), Refusal> {
        if self.socket.is_none() {
            let any: IpAddr = match self.to {
                SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
                SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
            };
            let socket = UdpSocket::bind((any, 0)).map_err(Refusal::Peer)?;
            socket.set_write_timeout(Some(PATIENCE)).map_err(Refusal::Peer)?;
            self.socket = Some(socket);
        }
        let sent = self.socket.as_ref().map(|socket| socket.send_to(message, self.to));
        sent.map_or(Ok(()), taken)
    }
}

/// Whether a datagram was taken. One that is too long never will be.
fn taken(sent: io::Result<usize>) -> Result<(), Refusal> {
    sent.map(drop).map_err(|error| match Errno::from_io_error(&error) {
        Some(Errno::MSGSIZE) => Refusal::Record(error),
        _ => Refusal::Peer(error),
    })
}

/// One stream.
struct Tcp {
    to: SocketAddr,
    stream: Option<TcpStream>,
    frame: Vec<u8>,
}

impl Tcp {
    const fn new(to: SocketAddr) -> Self {
        Self {
            to,
            stream: None,
            frame: Vec::new(),
        }
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect_timeout(&self.to, PATIENCE)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    fn write(&mut self, message: &[u8]) -> io::Result<()> {
        let open = self.stream.take().filter(is_open);
        let mut stream = open.map_or_else(|| self.connect(), Ok)?;
        self.frame.clear();
        write!(self.frame, "{} ", message.len())?;
        self.frame.extend(message);
        stream.write_all(&self.frame)?;
        // A stream that failed amid a message is not gone on with: the server would take the rest for another.
        self.stream = Some(stream);
        Ok(())
    }
}

impl Way for Tcp {
    fn send(&mut self, message: &[u8]) -> Result<(), Refusal> {
        self.write(message).map_err(Refusal::Peer)
    }
}

/// Whether the server still is there. What it says is of no interest: servers of syslog say nothing.
fn is_open(stream: &TcpStream) -> bool {
    let mut words = [0; 512];
    match rustix::net::recv(stream, &mut words, RecvFlags::DONTWAIT) {
        Ok((_, 0)) => false,
        Ok(_) | Err(Errno::AGAIN | Errno::INTR) => true,
        Err(_) => false,
    }
}

/// A server that takes nothing for so long is away.
const PATIENCE: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::TcpListener;

    use super::*;

    /// Reads one message by its length, as RFC 6587 has it.
    fn framed(stream: &mut TcpStream) -> String {
        let mut digits = String::new();
        let mut byte = [0];
        loop {
            stream.read_exact(&mut byte).unwrap();
            match byte {
                [b' '] => break,
                [digit] => digits.push(char::from(digit)),
            }
        }
        assert!(!digits.starts_with('0'), "{digits}");
        let mut message = vec![0; digits.parse().unwrap()];
        stream.read_exact(&mut message).unwrap();
        String::from_utf8(message).unwrap()
    }

    #[test]
    fn a_server_that_comes_back_gets_the_next_message_whole() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut way = Tcp::new(address);
        way.send(b"one").unwrap();
        way.send("zw\u{f6}lf\nlines".as_bytes()).unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        assert_eq!(framed(&mut stream), "one");
        assert_eq!(framed(&mut stream), "zw\u{f6}lf\nlines");
        drop((stream, listener));
        // On the loopback, what was closed is known as closed before `drop` returns.
        assert!(matches!(way.send(b"lost"), Err(Refusal::Peer(_))), "nobody listens");
        let listener = TcpListener::bind(address).unwrap();
        way.send(b"two").unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        assert_eq!(framed(&mut stream), "two");
    }

    #[test]
    fn datagrams_are_whole_messages_and_what_is_too_long_for_one_never_will_be_sent() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut way = Udp::new(server.local_addr().unwrap());
        way.send(b"one").unwrap();
        assert!(matches!(way.send(&vec![b'x'; 70_000]), Err(Refusal::Record(_))));
        way.send(b"two").unwrap();
        let mut words = [0; 16];
        for expected in [b"one", b"two"] {
            let length = server.recv(&mut words).unwrap();
            assert_eq!(&words[..length], expected);
        }
    }
}
