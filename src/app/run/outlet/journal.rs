//! systemd's journal, by its native protocol: a datagram for each entry, and a sealed memory file where that would be too big.

use std::fs::File;
use std::io::{self, IoSlice, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, sendmsg_addr};

use super::forwarder::{Forwarder, Refusal, Way};
use crate::report::journal_entry;

/// Sends entries to the journal of this host.
///
/// # Errors
/// If no thread can be started.
pub(super) fn start() -> io::Result<Forwarder> {
    Forwarder::start(
        "the journal".to_owned(),
        Box::new(journal_entry),
        Journal::new(SOCKET.into()),
    )
}

/// The way to journald.
struct Journal {
    path: PathBuf,
    socket: Option<UnixDatagram>,
}

impl Journal {
    const fn new(path: PathBuf) -> Self {
        Self { path, socket: None }
    }

    fn write(&mut self, entry: &[u8]) -> io::Result<()> {
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => open()?,
        };
        let socket = self.socket.insert(socket);
        match socket.send_to(entry, &self.path) {
            Err(error) if is_too_big(&error) => send_file(socket, &self.path, &sealed(entry)?),
            sent => sent.map(drop),
        }
    }
}

impl Way for Journal {
    fn send(&mut self, entry: &[u8]) -> Result<(), Refusal> {
        self.write(entry).map_err(Refusal::Peer)
    }
}

fn open() -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_write_timeout(Some(PATIENCE))?;
    Ok(socket)
}

/// Longer than a datagram may be, or than the buffer has room for.
fn is_too_big(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::MSGSIZE | Errno::NOBUFS))
}

/// A file in memory that nobody can change any more, as journald wants it before it maps it.
fn sealed(entry: &[u8]) -> io::Result<OwnedFd> {
    let mut file = File::from(memfd_create(
        "pathjitter",
        MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING,
    )?);
    file.write_all(entry)?;
    fcntl_add_seals(
        &file,
        SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL,
    )?;
    Ok(file.into())
}

/// An empty datagram with the file attached.
fn send_file(socket: &UnixDatagram, path: &Path, file: &OwnedFd) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let files = [file.as_fd()];
    if !control.push(SendAncillaryMessage::ScmRights(&files)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let address = SocketAddrUnix::new(path)?;
    let nothing: [IoSlice<'_>; 0] = [];
    sendmsg_addr(socket, &address, &nothing, &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Where journald takes entries.
const SOCKET: &str = "/run/systemd/journal/socket";

/// A journald that takes nothing for so long is away.
const PATIENCE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::io::{IoSliceMut, Read as _, Seek as _};

    use rustix::fs::fcntl_get_seals;
    use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

    use super::*;

    #[test]
    fn a_small_entry_is_a_datagram_and_a_big_one_a_file_that_nobody_can_change() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let journald = UnixDatagram::bind(&path).unwrap();
        let mut journal = Journal::new(path);
        journal.send(b"MESSAGE=small\n").unwrap();
        let mut taken = [0; 64];
        let length = journald.recv(&mut taken).unwrap();
        assert_eq!(&taken[..length], b"MESSAGE=small\n");
        // More than any send buffer.
        let big = vec![b'x'; 64 << 20];
        journal.send(&big).unwrap();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut words = [IoSliceMut::new(&mut taken)];
        let message = recvmsg(&journald, &mut words, &mut control, RecvFlags::empty()).unwrap();
        assert_eq!(message.bytes, 0);
        let files = control.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(files) => Some(files),
            _ => None,
        });
        let files: Vec<OwnedFd> = files.flatten().collect();
        let [file] = <[OwnedFd; 1]>::try_from(files).unwrap();
        let all = SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL;
        assert_eq!(fcntl_get_seals(&file).unwrap(), all);
        let mut file = File::from(file);
        file.rewind().unwrap();
        let mut read = Vec::new();
        file.read_to_end(&mut read).unwrap();
        assert!(read == big, "the file has other bytes");
    }

    #[test]
    fn a_journal_that_is_gone_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let mut journal = Journal::new(path.clone());
        assert!(matches!(journal.send(b"A=1\n"), Err(Refusal::Peer(_))), "no socket");
        let journald = UnixDatagram::bind(&path).unwrap();
        journal.send(b"A=2\n").unwrap();
        drop(journald);
        assert!(matches!(journal.send(b"A=3\n"), Err(Refusal::Peer(_))), "nobody there");
        std::fs::remove_file(&path).unwrap();
        let journald = UnixDatagram::bind(&path).unwrap();
        journal.send(b"A=4\n").unwrap();
        let mut taken = [0; 64];
        let length = journald.recv(&mut taken).unwrap();
        assert_eq!(&taken[..length], b"A=4\n");
    }
}
