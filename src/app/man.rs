//! Manual pages, made from the same texts as the help.

use std::io::{self, Write};

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::config::args::Cli;
use crate::config::help::{self, Sections};

/// The page of the program, or of one of its commands, in roff. `None` where there is no such command.
///
/// # Errors
/// Only those of the writer that renders into memory.
pub(super) fn page(command: Option<&str>) -> io::Result<Option<Vec<u8>>> {
    // The built-in `help` has no page of its own.
    let mut root = Cli::command().disable_help_subcommand(true);
    root.build();
    let (page, sections) = match command {
        None => (root, Some(&help::ROOT)),
        Some(name) => match root.find_subcommand(name) {
            Some(found) => (found.clone(), sections_of(name)),
            None => return Ok(None),
        },
    };
    let mut roff = Vec::new();
    render(page, sections, &mut roff)?;
    Ok(Some(roff))
}

fn sections_of(command: &str) -> Option<&'static Sections> {
    match command {
        "ping" => Some(&help::PING),
        "trace" => Some(&help::TRACE),
        "run" => Some(&help::RUN),
        "demo" => Some(&help::DEMO),
        "correlate" => Some(&help::CORRELATE),
        "lab" => Some(&help::LAB),
        _ => None,
    }
}

fn render(mut command: Command, sections: Option<&Sections>, out: &mut dyn Write) -> io::Result<()> {
    let has_commands = command.has_subcommands();
    let title = command.get_display_name().unwrap_or(command.get_name()).to_owned();
    let usage = command.render_usage().to_string();
    let man = Man::new(command)
        .title(title.to_uppercase())
        .manual("pathjitter manual")
        .source(concat!("pathjitter ", env!("CARGO_PKG_VERSION")))
        .section("1");
    man.render_title(out)?;
    man.render_name_section(out)?;
    // The generated synopsis lists every option once more; the usage line is what fits a glance.
    let mut synopsis = Roff::new();
    synopsis
        .control("SH", ["SYNOPSIS"])
        .text([bold(usage.trim_start_matches("Usage: "))]);
    synopsis.to_writer(out)?;
    man.render_description_section(out)?;
    man.render_options_section(out)?;
    if has_commands {
        man.render_subcommands_section(out)?;
    }
    if let Some(sections) = sections {
        own_sections(sections).to_writer(out)?;
    }
    man.render_version_section(out)
}

fn own_sections(sections: &Sections) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["EXAMPLES"]);
    for (command, what) in sections.examples {
        roff.control("TP", []).text([bold(*command)]).text([roman(*what)]);
    }
    roff.control("SH", ["EXIT STATUS"]);
    for (code, meaning) in sections.exit_status {
        roff.control("TP", []).text([bold(*code)]).text([roman(*meaning)]);
    }
    roff.control("SH", ["ENVIRONMENT"]);
    for (variables, meaning) in sections.environment {
        roff.control("TP", []).text([bold(*variables)]).text([roman(*meaning)]);
    }
    roff
}
