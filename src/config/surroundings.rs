//! What a plan depends on beyond the command line. A value, so that tests can be root on a terminal without being
//! either.

use std::fs::{File, Metadata};
use std::io::IsTerminal;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::os::unix::net::UnixDatagram;

/// The facts about this process that defaults and permissions hang on.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings {
    /// Where results go.
    pub stdout: Stdout,
    /// Who asks.
    pub user: User,
    /// The index of a network interface by its name.
    pub interface_index: fn(&str) -> Option<u32>,
}

/// Where results go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stdout {
    /// To a person.
    Terminal,
    /// To systemd's journal.
    Journal,
    /// To a file or another program.
    Elsewhere,
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum User {
    /// Effective user ID 0.
    Root,
    /// Anyone else.
    Other,
}

impl Surroundings {
    /// Those of this process.
    #[must_use]
    pub fn of_this_process() -> Self {
        Self {
            stdout: if std::io::stdout().is_terminal() {
                Stdout::Terminal
            } else if is_journal() {
                Stdout::Journal
            } else {
                Stdout::Elsewhere
            },
            user: if rustix::process::geteuid().is_root() {
                User::Root
            } else {
                User::Other
            },
            interface_index,
        }
    }
}

/// Whether standard output is connected to the journal. `JOURNAL_STREAM` (systemd.exec(5)) names the device and the inode of standard
/// error, or else of standard output. Both are the same stream unless a unit sets them apart; then two sockets lead to the same journal.
fn is_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else {
        return false;
    };
    let (stdout, stderr) = (std::io::stdout(), std::io::stderr());
    let about = |fd: BorrowedFd<'_>| File::from(fd.try_clone_to_owned().ok()?).metadata().ok();
    let is_named = |about: &Metadata| stream == format!("{}:{}", about.dev(), about.ino());
    match (about(stdout.as_fd()), about(stderr.as_fd())) {
        (Some(stdout), _) if is_named(&stdout) => true,
        (Some(stdout), Some(stderr)) => stdout.file_type().is_socket() && is_named(&stderr),
        _ => false,
    }
}

/// `SIOCGIFINDEX`, which any socket of this network namespace answers (unlike /sys, which may show another namespace).
fn interface_index(name: &str) -> Option<u32> {
    let socket = UnixDatagram::unbound().ok()?;
    rustix::net::netdevice::name_to_index(&socket, name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_interface_has_index_1_and_nonsense_has_none() {
        // The loopback device is the first that the kernel registers in every namespace (`net/core/dev.c`,
        // LOOPBACK_IFINDEX).
        assert_eq!(interface_index("lo"), Some(1));
        assert_eq!(interface_index("no-such-if"), None);
        assert_eq!(interface_index("a-name-longer-than-ifnamsiz"), None);
    }
}
