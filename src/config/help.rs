//! What the help texts and the manual pages say beyond the options: one source for both.

use std::fmt::Write as _;

/// The sections of one command.
#[derive(Debug)]
pub struct Sections {
    /// Command lines with what they do.
    pub examples: &'static [(&'static str, &'static str)],
    /// The exit codes with their meaning.
    pub exit_status: &'static [(&'static str, &'static str)],
    /// What is set from the environment.
    pub environment: &'static [(&'static str, &'static str)],
}

/// Of `pathjitter` itself.
pub const ROOT: Sections = Sections {
    examples: &[
        ("pathjitter demo", "an incident explained, in a simulated network"),
        (
            "pathjitter ping app01 app02:443",
            "probe app01 by ICMP, app02 by ICMP and TCP SYN",
        ),
        (
            "pathjitter trace app01",
            "the hops to app01, and where loss and jitter start",
        ),
        ("pathjitter help ping", "all options of ping at length"),
    ],
    exit_status: EXIT_STATUS,
    environment: &[
        (
            "PATHJITTER_...",
            "The value of an option, where the command line does not give it; 'pathjitter help COMMAND' lists them.",
        ),
        FLAGS,
        NO_COLOR,
    ],
};

/// Of `pathjitter ping`.
pub const PING: Sections = Sections {
    examples: &[
        (
            "pathjitter ping app01 db=10.0.0.7:5432",
            "ICMP to both, and SYNs to port 5432 of db",
        ),
        (
            "pathjitter ping --tcp 443 www1 www2",
            "SYNs to port 443 of both, no ICMP",
        ),
        (
            "pathjitter ping -i 20ms -c 500 [2001:db8::1]:80",
            "50 probes a second for 10 seconds",
        ),
        (
            "pathjitter ping -q --json app01:443",
            "for cron: one JSON line per series, within 49 s",
        ),
        (
            "pathjitter ping -c 100 -i 0.1 --fail-if 'loss>5%' app01",
            "for checks: exit with 1 above 5 % loss",
        ),
    ],
    exit_status: EXIT_STATUS,
    environment: ENVIRONMENT,
};

/// Of `pathjitter trace`.
pub const TRACE: Sections = Sections {
    examples: &[
        ("pathjitter trace app01", "a live table on a terminal, else a report"),
        (
            "pathjitter trace -r -n -c 60 app01",
            "a report after 60 cycles, without names",
        ),
        ("pathjitter trace -T -P 443 app01 app02", "by SYNs to port 443 of both"),
        ("pathjitter trace --flows 8 app01", "the paths that 8 flows take"),
        ("pathjitter trace --json app01", "for programs: one JSON line per path"),
    ],
    exit_status: &[
        (
            "0",
            "Every target was reached: an echo reply, a SYN-ACK, a RST, or port unreachable by UDP. Ctrl-C and SIGTERM are a normal end.",
        ),
        ("1", "Some target was not reached."),
        (
            "2",
            "Wrong usage, a name that does not resolve, a missing permission, or an I/O error.",
        ),
    ],
    environment: &[
        (
            "PATHJITTER_CYCLES, _INTERVAL, _TIMEOUT, _FIRST_TTL, _MAX_TTL, _PORT, _FLOWS, _SIZE, _SOURCE, _TOS, _ENGINE",
            "The value of the option of that name, where the command line does not give it.",
        ),
        FLAGS,
        NO_COLOR,
    ],
};

/// Of `pathjitter run`.
pub const RUN: Sections = Sections {
    examples: &[
        (
            "pathjitter run app01=10.10.1.11:8080 app02:8080",
            "a live view, or a line per event",
        ),
        ("pathjitter run -c pathjitter.toml", "targets and settings from a file"),
        (
            "pathjitter run -c pathjitter.toml -q --log /var/log/pathjitter.ndjson",
            "as a service",
        ),
        (
            "pathjitter run --json --duration 5m app01",
            "for programs: NDJSON, and an end",
        ),
        ("pathjitter config print", "a file to begin with"),
    ],
    exit_status: &[
        ("0", "It was told to stop, or --duration is over."),
        (
            "2",
            "Wrong usage, a configuration that makes no sense, a missing permission, or an I/O error.",
        ),
    ],
    environment: &[
        (
            "PATHJITTER_CONFIG, _VANTAGE",
            "The value of the option of that name, where the command line does not give it.",
        ),
        (
            "PATHJITTER_JSON, _VERBOSE",
            "Turn that flag on, with any value but 0, no, off and false.",
        ),
        NO_COLOR,
    ],
};

/// Of `pathjitter demo`.
pub const DEMO: Sections = Sections {
    examples: &[
        ("pathjitter demo", "an uplink that two of three backends share"),
        ("pathjitter demo --list", "all stories, with what is wrong in each"),
        ("pathjitter demo restart", "another story"),
        (
            "pathjitter demo --json | jq -r 'select(.message).message'",
            "for programs: the events of 'pathjitter run'",
        ),
    ],
    exit_status: &[
        (
            "0",
            "The story was watched, whatever was found. Ctrl-C and SIGTERM are a normal end.",
        ),
        ("2", "Wrong usage, no story of that name, or an I/O error."),
    ],
    environment: &[NO_COLOR],
};

/// Of `pathjitter correlate`.
pub const CORRELATE: Sections = Sections {
    examples: &[
        ("pathjitter correlate lb1.ndjson", "the incidents in a log"),
        (
            "pathjitter correlate lb1.ndjson lb2.ndjson",
            "of two hosts: what both saw is one incident",
        ),
        (
            "zcat lb1.ndjson.*.gz | pathjitter correlate --json",
            "for programs: NDJSON in, NDJSON out",
        ),
        (
            "tail -n +1 -F lb1.ndjson | pathjitter correlate --follow",
            "beside a service that writes",
        ),
        (
            "pathjitter correlate --nats nats://bus:4222 --follow",
            "for a fleet that runs 'run --publish'",
        ),
    ],
    exit_status: &[
        ("0", "All input was read, whatever was found in it."),
        (
            "2",
            "Wrong usage, a file or server that can't be read, or input of which not one line is of pathjitter.",
        ),
    ],
    environment: &[
        (
            "PATHJITTER_JSON",
            "Turns --json on, with any value but 0, no, off and false.",
        ),
        NO_COLOR,
    ],
};

/// Of `pathjitter lab`.
pub const LAB: Sections = Sections {
    examples: &[
        ("pathjitter lab --list", "the built-in stories"),
        ("pathjitter lab lossy-uplink --show", "what is in one of them"),
        (
            "pathjitter lab lossy-uplink -- pathjitter ping 10.10.1.11:8080",
            "one command in it",
        ),
        ("pathjitter lab my-network.toml", "a shell in a network of one's own"),
    ],
    exit_status: &[
        (
            "N",
            "That of the command; 128 and the number of the signal where a signal ended it.",
        ),
        (
            "2",
            "Also wrong usage, a missing permission, a topology that makes no sense, or an I/O error.",
        ),
    ],
    environment: &[("SHELL", "What to run where no command is given; /bin/sh without it.")],
};

/// The exit codes of the program itself.
const EXIT_STATUS: &[(&str, &str)] = &[
    (
        "0",
        "Every target answered on every protocol asked (an echo reply or a SYN-ACK; a refusal is no answer) and no \
         --fail-if limit was crossed. Ctrl-C and SIGTERM are a normal end.",
    ),
    ("1", "Some target did not answer, or a limit was crossed."),
    (
        "2",
        "Wrong usage, a name that does not resolve, a missing permission, or an I/O error.",
    ),
];

/// How options of `ping` are set from the environment.
const ENVIRONMENT: &[(&str, &str)] = &[
    (
        "PATHJITTER_COUNT, _INTERVAL, _TIMEOUT, _DEADLINE, _SLOT, _MAX_SYN_RATE, _TCP, _FLOWS, _SIZE, _TTL, _SOURCE, _TOS, \
         _FAIL_IF, _ENGINE, _RECEIVE_BUFFER",
        "The value of the option of that name, where the command line does not give it.",
    ),
    FLAGS,
    NO_COLOR,
];

const FLAGS: (&str, &str) = (
    "PATHJITTER_JSON, _NUMERIC, _VERBOSE",
    "Turn that flag on, with any value but 0, no, off and false.",
);

const NO_COLOR: (&str, &str) = ("NO_COLOR", "If set and not empty, no colours.");

/// What follows the short help.
pub(super) fn short(sections: &Sections) -> String {
    let width = sections
        .examples
        .iter()
        .map(|(command, _)| command.len())
        .max()
        .unwrap_or(0);
    let mut text = "Examples:".to_owned();
    for (command, what) in sections.examples {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n  {command:width$}  {what}");
    }
    text
}

/// What follows the long help.
pub(super) fn long(sections: &Sections) -> String {
    let mut text = "Examples:\n".to_owned();
    for (command, what) in sections.examples {
        let _ = writeln!(text, "  {command}\n          {what}");
    }
    text.push_str("\nExit status:\n");
    for (code, meaning) in sections.exit_status {
        let _ = writeln!(text, "  {code}  {meaning}");
    }
    text.push_str("\nEnvironment:\n");
    for (variables, meaning) in sections.environment {
        let _ = writeln!(text, "  {variables}\n          {meaning}");
    }
    text.trim_end().to_owned()
}
