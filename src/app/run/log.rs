//! The log file of a service: appended to, reopened when something else has moved it away, and never a reason to stop measuring.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::app::complaints::complain;
use crate::report::Output;

/// A file that lines are appended to.
pub(super) struct LogFile {
    path: PathBuf,
    output: Output<File>,
    /// Lines that could not be written since the last that could.
    lost: u64,
}

/// How a line was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// As it should be, or not at all, as the one before.
    AsBefore,
    /// After so many that could not be.
    After(u64),
}

impl LogFile {
    /// Opens a file, or makes it.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            output: append_to(path)?,
            lost: 0,
        })
    }

    /// Appends whole lines. A full disk is complained of once, until a line can be written again.
    pub(super) fn write(&mut self, lines: &[u8]) -> Written {
        match self.output.write(lines) {
            Ok(()) if self.lost > 0 => Written::After(std::mem::take(&mut self.lost)),
            Ok(()) => Written::AsBefore,
            Err(error) => {
                if self.lost == 0 {
                    let error = anyhow::Error::new(error);
                    complain(&format!("{error:#}; measuring goes on, and lines are lost until it is writable again"));
                }
                self.lost = self.lost.saturating_add(1);
                Written::AsBefore
            }
        }
    }

    /// Goes on in the file that now is at its path. Where that fails, in the old one.
    pub(super) fn reopen(&mut self) {
        match append_to(&self.path) {
            Ok(output) => self.output = output,
            Err(error) => complain(&format!(
                "the log {} can't be opened again, and the old file is still written to: {error}",
                self.path.display()
            )),
        }
    }
}

fn append_to(path: &Path) -> io::Result<Output<File>> {
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    Ok(Output::new(path.display().to_string(), file))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_log_that_was_moved_away_goes_on_in_a_new_file() {
        let folder = tempfile::tempdir().unwrap();
        let (path, moved) = (folder.path().join("log"), folder.path().join("log.1"));
        let mut log = LogFile::open(&path).unwrap();
        log.write(b"one\n");
        fs::rename(&path, &moved).unwrap();
        log.write(b"two\n");
        log.reopen();
        log.write(b"three\n");
        assert_eq!(fs::read_to_string(&moved).unwrap(), "one\ntwo\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "three\n");
    }

    #[test]
    fn a_log_that_can_not_be_opened_again_stays_where_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let (path, moved) = (folder.path().join("log"), folder.path().join("log.1"));
        let mut log = LogFile::open(&path).unwrap();
        fs::rename(&path, &moved).unwrap();
        fs::create_dir(&path).unwrap();
        log.reopen();
        assert_eq!(log.write(b"one\n"), Written::AsBefore);
        assert_eq!(fs::read_to_string(&moved).unwrap(), "one\n");
    }

    #[test]
    fn lines_that_a_full_disk_refuses_are_counted_until_it_takes_one() {
        let folder = tempfile::tempdir().unwrap();
        // The kernel's own full disk.
        let mut log = LogFile {
            path: folder.path().join("log"),
            output: append_to(Path::new("/dev/full")).unwrap(),
            lost: 0,
        };
        assert_eq!(log.write(b"one\n"), Written::AsBefore);
        assert_eq!(log.write(b"two\n"), Written::AsBefore);
        log.reopen();
        assert_eq!(log.write(b"three\n"), Written::After(2));
        assert_eq!(log.write(b"four\n"), Written::AsBefore);
    }
}
