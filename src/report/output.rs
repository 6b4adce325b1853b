//! The one way out: whole lines, one `write(2)` each.
//!
//! A line that is written in one call to a file opened with `O_APPEND` does not interleave with the lines of other processes, and a
//! reader that follows the file never sees half a line. Where the system takes only a part (a full disk, a full pipe), the rest
//! follows; where that fails, the beginning is taken back from a file, and elsewhere the next line begins on a fresh one, so that a torn
//! line spoils no other.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;

use thiserror::Error;

/// Why a line was not written.
#[derive(Debug, Error)]
pub enum OutputError {
    /// The reader has left (EPIPE). Not worth a word: end quietly.
    #[error("{sink}: the reader has closed it")]
    Closed {
        /// What was written to.
        sink: String,
    },
    /// Anything else, such as a full disk.
    #[error("cannot write to {sink}")]
    Write {
        /// What was written to.
        sink: String,
        /// What the system said.
        source: io::Error,
    },
}

/// A writer of whole lines.
#[derive(Debug)]
pub struct Output<W> {
    name: String,
    sink: W,
    /// Bytes of a line whose rest could not be written.
    torn: usize,
}

impl Output<File> {
    /// Standard output, without the buffer of the standard library, which would split long lines.
    ///
    /// # Errors
    ///
    /// If standard output is not open.
    pub fn stdout() -> io::Result<Self> {
        let own = io::stdout().as_fd().try_clone_to_owned()?;
        Ok(Self::new("standard output", File::from(own)))
    }

    /// Takes the beginning of a line back that could not be written to its end, where it stands in a file. What can't be taken back
    /// stays, and the next line begins on a fresh one.
    pub fn take_back_torn(&mut self) {
        let Ok(metadata) = self.sink.metadata() else { return };
        let torn = u64::try_from(self.torn).unwrap_or(u64::MAX);
        if let Some(whole) = metadata.len().checked_sub(torn)
            && torn > 0
            && metadata.is_file()
            && self.sink.set_len(whole).is_ok()
        {
            self.torn = 0;
        }
    }
}

impl<W: Write> Output<W> {
    /// Writes to `sink`, which errors call `name`.
    pub fn new(name: impl Into<String>, sink: W) -> Self {
        Self {
            name: name.into(),
            sink,
            torn: 0,
        }
    }

    /// Writes `lines`: one line or a block of them, each with its newline.
    ///
    /// # Errors
    ///
    /// [`OutputError::Closed`] once the reader has left, else [`OutputError::Write`]. A line may be written after a failed one.
    pub fn write(&mut self, lines: &[u8]) -> Result<(), OutputError> {
        if self.torn > 0 {
            self.write_whole(b"\n")?;
        }
        self.write_whole(lines)
    }

    /// Writes a frame of a live display, which ends where the next one begins and not with a line.
    ///
    /// # Errors
    ///
    /// As [`Self::write`].
    pub fn draw(&mut self, frame: &[u8]) -> Result<(), OutputError> {
        let drawn = self.write_whole(frame);
        self.torn = 0;
        drawn
    }

    /// Gives the sink back.
    pub fn into_inner(self) -> W {
        self.sink
    }

    fn write_whole(&mut self, bytes: &[u8]) -> Result<(), OutputError> {
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.sink.write(rest) {
                Ok(0) => return Err(self.error(ErrorKind::WriteZero.into())),
                Ok(n) => {
                    let (taken, left) = rest.split_at_checked(n).unwrap_or((rest, &[]));
                    let ended = taken.iter().rposition(|byte| *byte == b'\n');
                    self.torn = ended.map_or(self.torn + n, |end| taken.len() - end - 1);
                    rest = left;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.error(error)),
            }
        }
        self.sink.flush().map_err(|error| self.error(error))
    }

    fn error(&self, source: io::Error) -> OutputError {
        let sink = self.name.clone();
        match source.kind() {
            ErrorKind::BrokenPipe => OutputError::Closed { sink },
            _ => OutputError::Write { sink, source },
        }
    }
}

#[cfg(test)]
mod tests;
