//! Lines of several files in order of time.
//!
//! Each file is in order but for the time that outcomes take. The next line is that of the file whose next line is the oldest. A line that has no time is
//! as old as the one before it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::PathBuf;

use anyhow::Context as _;

use crate::replay::time_of;
use crate::units::Wall;

/// All inputs.
pub(super) struct Inputs {
    sources: Vec<Source>,
    /// Which source is next; those at their end are not in it.
    order: BinaryHeap<Reverse<(Wall, usize)>>,
    /// Whose line was handed out last.
    latest: Option<usize>,
}

struct Source {
    name: String,
    reader: BufReader<Box<dyn Read>>,
    line: Vec<u8>,
    at: Wall,
}

impl Inputs {
    /// Opens all; `None` is standard input.
    pub(super) fn open(inputs: &[Option<PathBuf>]) -> anyhow::Result<Self> {
        let sources: anyhow::Result<Vec<Source>> = inputs.iter().map(|path| Source::open(path.as_ref())).collect();
        let mut inputs = Self {
            sources: sources?,
            order: BinaryHeap::new(),
            latest: None,
        };
        if inputs.sources.len() > 1 {
            for place in 0..inputs.sources.len() {
                inputs.advance(place)?;
            }
        }
        Ok(inputs)
    }

    /// The next line; `None` after the last.
    pub(super) fn next_line(&mut self) -> anyhow::Result<Option<&[u8]>> {
        if self.sources.len() == 1 {
            let is_line = self.sources[0].read()?;
            return Ok(is_line.then_some(&self.sources[0].line));
        }
        if let Some(place) = self.latest.take() {
            self.advance(place)?;
        }
        let Some(Reverse((_, place))) = self.order.pop() else {
            return Ok(None);
        };
        self.latest = Some(place);
        Ok(self.sources.get(place).map(|source| source.line.as_slice()))
    }

    fn advance(&mut self, place: usize) -> anyhow::Result<()> {
        if let Some(source) = self.sources.get_mut(place)
            && source.read()?
        {
            source.at = time_of(&source.line).unwrap_or(source.at);
            self.order.push(Reverse((source.at, place)));
        }
        Ok(())
    }
}

impl Source {
    fn open(path: Option<&PathBuf>) -> anyhow::Result<Self> {
        let name = path.map_or_else(|| "standard input".to_owned(), |path| path.display().to_string());
        let reader: Box<dyn Read> = match path {
            None => Box::new(io::stdin()),
            Some(path) => Box::new(File::open(path).with_context(|| name.clone())?),
        };
        Ok(Self {
            name,
            reader: BufReader::with_capacity(BUFFER, reader),
            line: Vec::new(),
            at: Wall::default(),
        })
    }

    /// Reads the next line, of which no more than [`LONGEST`] is kept; `false` at the end.
    fn read(&mut self) -> anyhow::Result<bool> {
        self.line.clear();
        let limit = &mut self.reader.by_ref().take(LONGEST);
        let read = limit
            .read_until(b'\n', &mut self.line)
            .with_context(|| self.name.clone())?;
        if self.line.last() != Some(&b'\n') && u64::try_from(read).unwrap_or(u64::MAX) >= LONGEST {
            self.reader.skip_until(b'\n').with_context(|| self.name.clone())?;
        }
        Ok(read > 0)
    }
}

/// What is read at once.
const BUFFER: usize = 1 << 18;

/// Longer lines are none of ours: a trace of 255 hops is a tenth of it.
const LONGEST: u64 = 1 << 20;
