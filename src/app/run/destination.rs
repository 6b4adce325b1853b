//! Where the lines of a service go: never a reason to stop measuring, but for a reader that has left.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::app::complaints::complain;
use crate::report::{Output, OutputError};

/// A file, or standard output, that lines are appended to.
pub(super) struct Destination {
    /// Where a file is; `None` is standard output.
    path: Option<PathBuf>,
    output: Output<File>,
    /// Lines that could not be written since the last that could.
    lost: u64,
}

/// How a line was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// As the one before: as it should be, or not at all.
    AsBefore,
    /// After so many that could not be.
    After(u64),
    /// Nobody reads this any more.
    Unread,
}

impl Destination {
    /// Standard output.
    ///
    /// # Errors
    /// If it is not open.
    pub(super) fn stdout() -> io::Result<Self> {
        Ok(Self::new(None, Output::stdout()?))
    }

    /// Opens a file, or makes it.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn file(path: &Path) -> io::Result<Self> {
        Ok(Self::new(Some(path.to_owned()), append_to(path)?))
    }

    const fn new(path: Option<PathBuf>, output: Output<File>) -> Self {
        Self { path, output, lost: 0 }
    }

    /// Writes whole lines. A full disk is complained of once, until a line can be written again.
    pub(super) fn write(&mut self, lines: &[u8]) -> Written {
        match self.output.write(lines) {
            Ok(()) if self.lost > 0 => Written::After(std::mem::take(&mut self.lost)),
            Ok(()) => Written::AsBefore,
            // The reader of a file that is a pipe may come back.
            Err(OutputError::Closed { .. }) if self.path.is_none() => Written::Unread,
            Err(error) => {
                if self.path.is_some() {
                    self.output.take_back_torn();
                }
                if self.lost == 0 {
                    let error = anyhow::Error::new(error);
                    complain(&format!(
                        "{error:#}; measuring goes on, and lines are lost until it can be written again"
                    ));
                }
                self.lost = self.lost.saturating_add(1);
                Written::AsBefore
            }
        }
    }

    /// Draws a frame on a terminal.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn draw(&mut self, frame: &[u8]) -> Result<(), OutputError> {
        self.output.draw(frame)
    }

    /// Goes on in the file that now is at its path. Where that fails, in the old one.
    pub(super) fn reopen(&mut self) {
        let Some(path) = &self.path else { return };
        match append_to(path) {
            Ok(output) => self.output = output,
            Err(error) => complain(&format!(
                "{} can't be opened again, and the old file is still written to: {error}",
                path.display()
            )),
        }
    }

    /// What it is called.
    pub(super) fn name(&self) -> String {
        let path = self.path.as_ref();
        path.map_or_else(|| "standard output".to_owned(), |path| path.display().to_string())
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
        let mut log = Destination::file(&path).unwrap();
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
        let mut log = Destination::file(&path).unwrap();
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
        let full = append_to(Path::new("/dev/full")).unwrap();
        let mut log = Destination::new(Some(folder.path().join("log")), full);
        assert_eq!(log.write(b"one\n"), Written::AsBefore);
        assert_eq!(log.write(b"two\n"), Written::AsBefore);
        log.reopen();
        assert_eq!(log.write(b"three\n"), Written::After(2));
        assert_eq!(log.write(b"four\n"), Written::AsBefore);
    }
}
