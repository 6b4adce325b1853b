use std::time::Duration;

use insta::assert_snapshot;

use super::*;
use crate::localize::VerdictCode;
use crate::outcome::{SendError, Unreachable};
use crate::report::samples::series;
use crate::report::samples::traces::{Trace, hop, ip, lossy_path, other_flow, unknown_path};
use crate::report::style::{Charset, Style};
use crate::series::Endpoint;
use crate::sweep::{End, PathChange};
use crate::units::{Mono, SeriesId};

fn text(traces: &[Trace], columns: u16, options: TraceTextOptions) -> String {
    let reports: Vec<_> = traces.iter().map(Trace::report).collect();
    trace_text(&reports, columns, Style::PLAIN, options)
}

const NAMES: TraceTextOptions = TraceTextOptions {
    wide: false,
    numeric: false,
};
const NUMERIC: TraceTextOptions = TraceTextOptions {
    wide: false,
    numeric: true,
};
const WIDE: TraceTextOptions = TraceTextOptions {
    wide: true,
    numeric: false,
};

#[test]
fn all_columns_at_160() {
    assert_snapshot!(text(&[lossy_path()], 160, NAMES));
}

#[test]
fn the_columns_of_mtr_at_80_with_labels_beneath() {
    assert_snapshot!(text(&[lossy_path()], 80, NAMES));
}

#[test]
fn hosts_and_their_loss_at_40() {
    assert_snapshot!(text(&[lossy_path()], 40, NAMES));
}

#[test]
fn a_wide_report_cuts_nothing() {
    assert_snapshot!(text(&[lossy_path()], 40, WIDE));
}

#[test]
fn a_numeric_report_has_the_columns_of_mtr_at_their_places() {
    let text = text(&[lossy_path()], 100, NUMERIC);
    let row = text.lines().find(|line| line.starts_with("  1.|--")).unwrap();
    let fields: Vec<_> = row.split_whitespace().collect();
    // Host, Loss%, Snt, Last, Avg, Best, Wrst, StDev, as in `mtr --report`; the mean is (59 x 300 + 900) / 60 us, the variance
    // (59 x 10^2 + 590^2) / 59 us^2.
    let expected = [
        "1.|--", "10.0.0.1", "0.0%", "60", "0.900", "0.310", "0.300", "0.900", "0.077",
    ];
    assert_eq!(fields[..9], expected);
    assert!(!text.contains("example.net"), "{text}");
}

#[test]
fn several_flows_have_a_table_each_and_their_addresses_together() {
    assert_snapshot!(text(&[other_flow(1), lossy_path()], 80, NUMERIC));
}

#[test]
fn the_longest_address_stays_whole_at_80_beside_what_is_worth_most() {
    let longest = "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff";
    let mut trace = lossy_path();
    trace.path.hops = vec![hop(1, 60, &[(300, 59), (900, 1)], &[(longest, 60)])];
    trace.names.insert(ip(longest), "core1.example.net".to_owned());
    let text = text(&[trace], 80, NAMES);
    let lines: Vec<_> = text.lines().skip(1).take(2).collect();
    assert_eq!(
        lines,
        [
            "Hop     Host                                   Loss% Snt  Last   Avg  Best  Wrst",
            "  1.|-- 2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff  0.0%  60 0.900 0.310 0.300 0.900",
        ]
    );
}

#[test]
fn a_path_of_which_nothing_is_known_is_a_heading() {
    assert_eq!(
        text(&[unknown_path("db")], 80, NAMES),
        "TRACE db (10.10.9.9): TCP SYN to port 443, flow 0, 0 cycles\n\
         Hop     Host  Loss%  Snt  Last  Avg  Best  Wrst  StDev  p99  Jitter  Loss 95%\n\
         too few probes\n"
    );
}

#[test]
fn the_header_names_what_is_sent() {
    let mut trace = lossy_path();
    for (endpoint, words) in [
        (
            Endpoint::Icmp,
            "TRACE app01 (10.10.1.11): ICMP echo, flow 0, 60 cycles\n",
        ),
        (
            Endpoint::Tcp(443),
            "TRACE app01 (10.10.1.11): TCP SYN to port 443, flow 0, 60 cycles\n",
        ),
        (
            Endpoint::Udp(33434),
            "TRACE app01 (10.10.1.11): UDP to port 33434, flow 0, 60 cycles\n",
        ),
    ] {
        trace.series.endpoint = endpoint;
        let text = text(std::slice::from_ref(&trace), 80, NAMES);
        assert!(text.starts_with(words), "{text}");
    }
    trace.series.target = "10.10.1.11".into();
    assert!(text(&[trace], 80, NAMES).starts_with("TRACE 10.10.1.11: UDP"));
}

fn ends() -> [(End, &'static str); 9] {
    let prohibited = Unreachable {
        from: ip("10.1.0.1"),
        icmp_type: 3,
        code: 13,
    };
    let too_big = Unreachable { code: 4, ..prohibited };
    [
        (
            End::Reached {
                ttl: 5,
                from: ip("10.10.1.12"),
            },
            "10.10.1.12 answers at hop 5 in place of 10.10.1.11",
        ),
        (
            End::Unreachable {
                ttl: 3,
                error: prohibited,
                mtu: None,
            },
            "10.1.0.1 at hop 3 says: packet filtered (ICMP type 3 code 13)",
        ),
        (
            End::Unreachable {
                ttl: 2,
                error: too_big,
                mtu: Some(1_400),
            },
            "10.1.0.1 at hop 2 says: fragmentation needed, its next link takes 1400 bytes (ICMP type 3 code 4)",
        ),
        (End::Silent { after_ttl: 4 }, "nobody answers behind hop 4 (10.3.0.1)"),
        (End::Silent { after_ttl: 0 }, "nobody answers at any hop"),
        (
            End::Loop {
                first_ttl: 2,
                again_ttl: 4,
                address: ip("10.1.0.1"),
            },
            "a routing loop: 10.1.0.1 is hop 2 and again hop 4",
        ),
        (End::TooFar, "not reached within 5 hops, the most that -m allows"),
        (
            End::NotSent(SendError::NoRoute),
            "no probe was sent: no route from this host",
        ),
        (
            End::NotSent(SendError::Denied),
            "no probe was sent: not permitted by this host (a local firewall rule?)",
        ),
    ]
}

#[test]
fn each_end_has_its_words_below_the_verdict() {
    for (end, words) in ends() {
        let trace = lossy_path().ending(end);
        assert_eq!(end_words(&trace.series, &trace.path).as_deref(), Some(words));
        let text = text(&[trace], 200, NAMES);
        assert_eq!(text.lines().last(), Some(words), "{text}");
    }
    for end in [
        End::Unknown,
        End::Reached {
            ttl: 5,
            from: ip("10.10.1.11"),
        },
    ] {
        let trace = lossy_path().ending(end);
        assert_eq!(end_words(&trace.series, &trace.path), None, "{end:?}");
    }
}

#[test]
fn an_end_that_the_verdict_tells_is_not_told_twice() {
    for (end, words) in ends() {
        let message = format!("10.10.1.11 was not reached: {words}.");
        let trace = lossy_path().ending(end).judged(VerdictCode::Unreachable, &message);
        let text = text(&[trace], 200, NAMES);
        assert_eq!(text.matches(words).count(), 1, "{text}");
    }
}

#[test]
fn figures_of_a_changed_path_are_told_to_be_of_its_present_course() {
    let mut trace = lossy_path();
    trace.path.changed_at = Some(Mono::from_nanos(5));
    let text = text(&[trace], 80, NAMES);
    assert!(text.ends_with("The path changed meanwhile; these are the figures of its present course\n"));
}

#[test]
fn what_is_no_answer_of_the_path_itself_stands_in_the_label() {
    let mut trace = lossy_path();
    let counts = &mut trace.path.hops[0].counts;
    (counts.late, counts.send_errors, counts.unjudged) = (1, 2, 3);
    trace.path.hops[1].presumed = true;
    let text = text(&[trace], 160, NAMES);
    assert!(text.contains("1 late, 2 not sent, 3 not judged\n"), "{text}");
    assert!(text.contains("presumed from other paths\n"), "{text}");
}

#[test]
fn rare_loss_does_not_read_as_none() {
    let mut trace = lossy_path();
    trace.path.hops[0].counts.sent = 100_000;
    trace.path.hops[0].counts.received = 99_996;
    let text = text(&[trace], 160, NUMERIC);
    let row = text.lines().nth(2).unwrap();
    // Wilson's interval of 4 in 100,000: 1.6 to 10.3 in 100,000.
    assert!(row.contains(" 0.0040% ") && row.ends_with(" 0.002-0.010"), "{row}");
}

#[test]
fn a_verdict_is_coloured_and_nothing_is_said_by_colour_alone() {
    let style = Style {
        color: true,
        charset: Charset::Ascii,
    };
    let trace = lossy_path();
    let colored = trace_text(&[trace.report()], 80, style, NAMES);
    let plain = text(&[trace], 80, NAMES);
    assert!(
        colored.contains("\x1b[38;5;11m") || colored.contains("\x1b[33m"),
        "{colored:?}"
    );
    let without: String = colored
        .split('\x1b')
        .enumerate()
        .map(|(index, part)| {
            if index == 0 {
                part
            } else {
                part.split_once('m').unwrap().1
            }
        })
        .collect();
    assert_eq!(without, plain);
}

#[test]
fn hostile_names_act_on_nothing_and_feign_nothing() {
    let cases = [
        "\x1b[2J\x1b]0;owned\x07",
        "a\nTRACE fake (1.2.3.4): ICMP echo",
        "x  0.0%  60  0.1",
        "evil\u{202e}gnp.exe",
        "\u{9b}31m",
        "10.9.9.9",
        "\u{5d0}\u{5d1}.example",
        "\u{3000}wide\u{a0}space",
    ];
    for name in cases.map(str::to_owned).into_iter().chain(["x".repeat(4_096)]) {
        let mut trace = lossy_path();
        trace.names.insert(ip("10.0.0.1"), name.clone());
        for options in [NAMES, WIDE] {
            let utf8 = Style {
                color: false,
                charset: Charset::Utf8,
            };
            let text = trace_text(&[trace.report()], 160, utf8, options);
            assert!(!text.chars().any(|c| c != '\n' && c.is_control()), "{text:?}");
            // Neither an override nor letters that run from right to left.
            assert!(!text.contains(['\u{202e}', '\u{5d0}', '\u{3000}']), "{text:?}");
            assert_eq!(
                text.lines().filter(|line| line.starts_with("TRACE")).count(),
                1,
                "{text}"
            );
            let row = text.lines().nth(2).unwrap();
            let fields: Vec<_> = row.split_whitespace().collect();
            assert_eq!(
                fields[2..5],
                ["(10.0.0.1)", "0.0%", "60"],
                "the address always stands beside it: {row}"
            );
            assert!(row.len() < 500, "{} cells", row.len());
        }
    }
}

#[test]
fn a_change_is_told_by_the_first_router_that_differs() {
    let series = series("app01", "10.10.1.11", None);
    let course = |hops: &[&str]| -> Vec<_> { hops.iter().map(|hop| (*hop != "-").then(|| ip(hop))).collect() };
    for (old, new, words) in [
        (
            &["10.0.0.1", "10.1.0.1", "10.2.0.1"][..],
            &["10.0.0.1", "10.1.0.2", "10.2.0.2"][..],
            "now leads through 10.1.0.2 instead of 10.1.0.1 behind 10.0.0.1",
        ),
        // A silent hop contradicts nothing while another hop does.
        (
            &["10.0.0.1", "10.1.0.1", "10.2.0.1"],
            &["10.0.0.1", "-", "10.2.0.2"],
            "now leads through 10.2.0.2 instead of 10.2.0.1 behind 10.1.0.1",
        ),
        (&["-", "10.1.0.1"], &["-", "-"], "no longer shows 10.1.0.1"),
        (
            &["10.0.0.1"],
            &["10.0.0.1", "10.1.0.1"],
            "now shows 10.1.0.1 behind 10.0.0.1, where nobody answered before",
        ),
        (&[], &[], "takes another course"),
    ] {
        let change = PathChange {
            series: SeriesId::new(0),
            at: Mono::default().after(Duration::from_secs(1)),
            old: course(old),
            new: course(new),
        };
        assert_eq!(
            change_words(&series, &change),
            format!("The path to app01 (10.10.1.11), flow 0, {words}")
        );
    }
}

#[test]
fn a_hop_with_probes_in_flight_only_has_no_figures() {
    let mut trace = lossy_path();
    trace.path.hops = vec![hop(1, 0, &[], &[])];
    trace.path.hops[0].counts.in_flight = 1;
    let text = text(&[trace], 100, NAMES);
    let row: Vec<_> = text.lines().nth(2).unwrap().split_whitespace().collect();
    assert_eq!(row, ["1.|--", "???", "-", "0", "-", "-", "-", "-", "-", "-", "-", "-"]);
}
