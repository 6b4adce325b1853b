//! Lines of several files in order of time, read on a thread of their own.
//!
//! Each file is in order but for the time that outcomes take. The next line is that of the file whose next line is the oldest. A line that has no time is
//! as old as the one before it. Lines are handed over in batches, and at once where a pipe has no more for now: who follows a log waits for nothing.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::thread;

use anyhow::Context as _;
use tokio::sync::mpsc::{self, Receiver, Sender};

#[cfg(feature = "nats")]
use crate::app::bus::Subscription;
use crate::config::{CorrelatePlan, Input};
use crate::replay::time_of;
use crate::sys::rights;
use crate::units::Wall;

/// Whole lines, or why there are no more.
pub(super) type Batch = anyhow::Result<Vec<u8>>;

/// Opens all inputs and begins to read them. The end of the channel is the end of all.
///
/// # Errors
/// Files that can't be opened, and servers that are not there.
pub(super) fn begin(plan: &CorrelatePlan) -> anyhow::Result<Receiver<Batch>> {
    let sources: anyhow::Result<Vec<Source>> = plan
        .inputs
        .iter()
        .map(|input| Source::open(input, plan.follow))
        .collect();
    let sources = sources?;
    // Files of others were opened by the rights of root; what they and servers say is read without.
    let _ = rights::give_up();
    let inputs = Inputs {
        sources,
        order: BinaryHeap::new(),
        batch: Vec::new(),
    };
    let (batches, receiver) = mpsc::channel(BATCHES);
    let thread = thread::Builder::new().name("input".to_owned());
    thread
        .spawn(move || inputs.pour(&batches))
        .context("a thread could not be started")?;
    Ok(receiver)
}

/// All inputs.
struct Inputs {
    sources: Vec<Source>,
    /// Which source is next; those at their end are not in it.
    order: BinaryHeap<Reverse<(Wall, usize)>>,
    /// Lines in order, to be handed over.
    batch: Vec<u8>,
}

/// Nobody wants more.
struct Unwanted;

impl Inputs {
    fn pour(mut self, batches: &Sender<Batch>) {
        match self.pour_all(batches) {
            Ok(Ok(()) | Err(Unwanted)) => {}
            Err(error) => {
                // What was read before counts.
                if self.flush(batches).is_ok() {
                    let _ = batches.blocking_send(Err(error));
                }
            }
        }
    }

    fn pour_all(&mut self, batches: &Sender<Batch>) -> anyhow::Result<Result<(), Unwanted>> {
        for place in 0..self.sources.len() {
            self.advance(place)?;
        }
        while let Some(Reverse((_, place))) = self.order.pop() {
            let source = &mut self.sources[place];
            self.batch.extend_from_slice(&source.line);
            if source.line.last() != Some(&b'\n') {
                self.batch.push(b'\n');
            }
            let may_wait = source.reader.buffer().is_empty();
            if (may_wait || self.batch.len() >= BUFFER) && self.flush(batches).is_err() {
                return Ok(Err(Unwanted));
            }
            self.advance(place)?;
        }
        Ok(self.flush(batches))
    }

    /// Reads the next line of a source, and puts it into the order.
    fn advance(&mut self, place: usize) -> anyhow::Result<()> {
        let is_alone = self.sources.len() == 1;
        let source = &mut self.sources[place];
        if source.read()? {
            if !is_alone {
                source.at = time_of(&source.line).unwrap_or(source.at);
            }
            self.order.push(Reverse((source.at, place)));
        }
        Ok(())
    }

    fn flush(&mut self, batches: &Sender<Batch>) -> Result<(), Unwanted> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let batch = std::mem::replace(&mut self.batch, Vec::with_capacity(BUFFER));
        batches.blocking_send(Ok(batch)).map_err(|_| Unwanted)
    }
}

struct Source {
    name: String,
    reader: BufReader<Box<dyn Read + Send>>,
    line: Vec<u8>,
    at: Wall,
}

impl Source {
    #[cfg_attr(
        not(feature = "nats"),
        expect(unused_variables, reason = "only a bus has an end to wait at")
    )]
    fn open(input: &Input, follow: bool) -> anyhow::Result<Self> {
        let name = match input {
            Input::Stdin => "standard input".to_owned(),
            Input::File(path) => path.display().to_string(),
            Input::Nats { address, .. } => format!("NATS at {address}"),
        };
        let reader: io::Result<Box<dyn Read + Send>> = match input {
            Input::Stdin => Ok(Box::new(io::stdin())),
            Input::File(path) => File::open(path).map(|file| Box::new(file) as _),
            #[cfg(feature = "nats")]
            Input::Nats { address, since } => {
                Subscription::open(address.clone(), *since, follow).map(|lines| Box::new(lines) as _)
            }
            // No such address is made without the feature.
            #[cfg(not(feature = "nats"))]
            Input::Nats { .. } => Err(io::ErrorKind::Unsupported.into()),
        };
        let reader = reader.with_context(|| name.clone())?;
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

/// So many batches wait to be judged.
const BATCHES: usize = 4;

/// Longer lines are none of ours: a trace of 255 hops is a tenth of it.
const LONGEST: u64 = 1 << 20;
