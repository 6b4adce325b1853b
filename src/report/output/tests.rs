use std::collections::VecDeque;
use std::error::Error as _;
use std::io::Read as _;

use super::*;

/// What the next `write` of a [`Script`] does; it takes everything once the script is through.
#[derive(Debug)]
enum Step {
    Take(usize),
    Fail(ErrorKind),
}

#[derive(Debug, Default)]
struct Script {
    steps: VecDeque<Step>,
    calls: usize,
    written: Vec<u8>,
}

impl Write for Script {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.calls += 1;
        let n = match self.steps.pop_front() {
            Some(Step::Fail(kind)) => return Err(kind.into()),
            Some(Step::Take(n)) => n.min(bytes.len()),
            None => bytes.len(),
        };
        self.written.extend_from_slice(&bytes[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn output(steps: impl IntoIterator<Item = Step>) -> Output<Script> {
    Output::new(
        "a log",
        Script {
            steps: steps.into_iter().collect(),
            ..Script::default()
        },
    )
}

#[test]
fn a_line_is_one_write_call_however_long() {
    let mut output = output([]);
    let line = [vec![b'x'; 100_000], vec![b'\n']].concat();
    output.write(&line).unwrap();
    assert_eq!(output.sink.calls, 1);
    assert_eq!(output.into_inner().written, line);
}

#[test]
fn lines_of_two_writers_into_one_file_do_not_mix() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::thread::scope(|scope| {
        for letter in [b'a', b'b'] {
            let log = std::fs::OpenOptions::new().append(true).open(file.path()).unwrap();
            scope.spawn(move || {
                let mut output = Output::new("a log", log);
                let line = [vec![letter; 9_000], vec![b'\n']].concat();
                for _ in 0..200 {
                    output.write(&line).unwrap();
                }
            });
        }
    });
    let written = std::fs::read(file.path()).unwrap();
    let lines: Vec<&[u8]> = written.split_inclusive(|byte| *byte == b'\n').collect();
    assert_eq!(lines.len(), 400);
    for line in lines {
        assert_eq!(line.len(), 9_001);
        assert!(line[..9_000].iter().all(|byte| *byte == line[0]));
    }
}

#[test]
fn a_failure_between_two_lines_of_a_block_leaves_no_empty_line() {
    let mut output = output([Step::Take(6), Step::Fail(ErrorKind::StorageFull)]);
    output.write(b"first\nsecond\n").unwrap_err();
    output.write(b"third\n").unwrap();
    assert_eq!(output.into_inner().written, b"first\nthird\n");
}

#[test]
fn the_rest_follows_a_short_write_and_an_interrupted_one() {
    let mut output = output([Step::Take(3), Step::Fail(ErrorKind::Interrupted), Step::Take(1)]);
    output.write(b"whole line\n").unwrap();
    assert_eq!(output.into_inner().written, b"whole line\n");
}

#[test]
fn a_line_torn_by_a_full_disk_spoils_no_other() {
    let mut output = output([
        Step::Take(4),
        Step::Fail(ErrorKind::StorageFull),
        Step::Fail(ErrorKind::StorageFull),
    ]);
    let error = output.write(b"first\n").unwrap_err();
    assert_eq!(error.to_string(), "cannot write to a log");
    assert!(error.source().is_some(), "the reason of the system is kept");
    output.write(b"second\n").unwrap_err();
    output.write(b"third\n").unwrap();
    output.write(b"fourth\n").unwrap();
    assert_eq!(output.into_inner().written, b"firs\nthird\nfourth\n");
}

#[test]
fn a_failure_before_the_first_byte_leaves_no_empty_line() {
    let mut output = output([Step::Fail(ErrorKind::StorageFull)]);
    output.write(b"first\n").unwrap_err();
    output.write(b"second\n").unwrap();
    assert_eq!(output.into_inner().written, b"second\n");
}

#[test]
fn a_sink_that_takes_nothing_is_an_error_rather_than_a_loop() {
    assert!(matches!(
        output([Step::Take(0)]).write(b"line\n"),
        Err(OutputError::Write { .. })
    ));
}

#[test]
fn a_reader_that_left_is_told_apart_from_a_failure() {
    let (mut reader, writer) = io::pipe().unwrap();
    let mut output = Output::new("a pipe", writer);
    output.write(b"read\n").unwrap();
    let mut seen = [0; 5];
    reader.read_exact(&mut seen).unwrap();
    assert_eq!(&seen, b"read\n");
    drop(reader);
    assert!(matches!(output.write(b"unread\n"), Err(OutputError::Closed { sink }) if sink == "a pipe"));
}
