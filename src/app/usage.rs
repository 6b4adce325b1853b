//! Help that was asked for goes to stdout; wrong usage is one line on stderr, as every other error of the program.

use std::io;

use clap::error::ErrorKind;

use super::exit::Exit;

/// Prints what the parser of the command line has to say.
///
/// # Errors
/// Wrong usage, in one line; and a standard output that cannot be written.
pub(super) fn report(error: &clap::Error) -> anyhow::Result<Exit> {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => match error.print() {
            Err(failed) if failed.kind() != io::ErrorKind::BrokenPipe => {
                Err(anyhow::Error::new(failed).context("standard output could not be written"))
            }
            Ok(()) | Err(_) => Ok(Exit::Success),
        },
        // Nothing was asked for: the help says what could be, and the exit code that nothing was done.
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            // Where stderr is closed, there is nobody to tell.
            let _ = error.print();
            Ok(Exit::Error)
        }
        _ => anyhow::bail!(one_line(&error.render().to_string())),
    }
}

/// The message and the tips of the parser, without the usage and the pointer to the help that follow them.
fn one_line(rendered: &str) -> String {
    let paragraphs = rendered
        .split("\n\n")
        .map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "));
    let told: Vec<String> = paragraphs
        .filter(|paragraph| !LEFT_OUT.iter().any(|start| paragraph.starts_with(start)))
        .map(|paragraph| {
            paragraph
                .trim_start_matches("error: ")
                .trim_start_matches("tip: ")
                .to_owned()
        })
        .filter(|paragraph| !paragraph.is_empty())
        .collect();
    // The parser quotes what was typed as it is; a terminal should not act on it.
    told.join("; ")
        .chars()
        .flat_map(|c| {
            if c.is_control() {
                c.escape_default().collect()
            } else {
                vec![c]
            }
        })
        .collect()
}

/// What follows a mistake in the parser's words and does not help to correct it. (A target never starts with a hyphen.)
const LEFT_OUT: [&str; 3] = ["Usage:", "For more information", "tip: to pass"];
