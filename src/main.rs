//! The `pathjitter` program: run, and say in one line why not.
#![forbid(unsafe_code)]

use std::io::Write as _;
use std::process::ExitCode;

use pathjitter::app::{self, exit::Exit};

fn main() -> ExitCode {
    match app::run(std::env::args_os()) {
        Ok(exit) => exit.into(),
        Err(error) => {
            // Where stderr is closed, the exit code is all that is left.
            let _ = writeln!(std::io::stderr(), "pathjitter: {error:#}");
            Exit::Error.into()
        }
    }
}
