use insta::assert_snapshot;

use super::*;
use crate::outcome::StampSource;
use crate::report::samples::{healthy, lossy, nothing, refused, report, series, silent, troubled};
use crate::series::Series;
use crate::stats::{Counts, Proportion, Summary};

const UTF8: Style = Style {
    color: false,
    charset: Charset::Utf8,
};

fn backends() -> Vec<(Series, Summary)> {
    let some_refused = Summary {
        counts: Counts {
            sent: 10,
            received: 7,
            refused: 3,
            ..Counts::default()
        },
        stamp: StampSource::TcpInfo,
        ..healthy()
    };
    let rare_loss = Summary {
        counts: Counts {
            sent: 100_000,
            received: 99_996,
            lost: 4,
            ..Counts::default()
        },
        loss: Some(Proportion {
            ratio: 0.000_04,
            low: 0.000_016,
            high: 0.000_103,
        }),
        ..healthy()
    };
    vec![
        (series("app01", "10.10.1.11", None), healthy()),
        (series("app02", "10.10.1.12", None), lossy()),
        (series("app03", "10.10.1.13", None), rare_loss),
        (series("app_backend/database-primary", "10.10.2.21", None), silent()),
        (series("2001:db8:0:17::21", "2001:db8:0:17::21", None), nothing()),
        (series("app01", "10.10.1.11", Some(8080)), some_refused),
        (series("app02", "10.10.1.12", Some(8080)), refused()),
        (series("app03", "10.10.1.13", Some(8080)), troubled()),
    ]
}

fn drawn(rows: &[(Series, Summary)], columns: u16, style: Style) -> String {
    let reports: Vec<_> = rows.iter().map(|(series, summary)| report(series, summary)).collect();
    table(&reports, columns, style)
}

#[test]
fn all_columns_at_120() {
    assert_snapshot!(drawn(&backends(), 120, UTF8));
}

#[test]
fn the_address_goes_first_at_100() {
    assert_snapshot!(drawn(&backends(), 100, UTF8));
}

#[test]
fn the_figures_that_matter_stay_at_80_and_ascii_does() {
    assert_snapshot!(drawn(&backends(), 80, Style::PLAIN));
}

#[test]
fn target_probe_and_result_are_left_at_40() {
    assert_snapshot!(drawn(&backends(), 40, UTF8));
}

#[test]
fn addresses_stay_where_one_name_has_several() {
    let rows = [
        (series("www", "192.0.2.1", None), healthy()),
        (series("www", "2001:db8::1", None), silent()),
        (
            Series {
                flow: 1,
                ..series("www", "192.0.2.1", Some(443))
            },
            lossy(),
        ),
        (series("www", "192.0.2.1", Some(443)), healthy()),
    ];
    assert_snapshot!(drawn(&rows, 80, UTF8));
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for columns in 1..140 {
        for line in drawn(&backends(), columns, UTF8)
            .lines()
            .take_while(|line| !line.starts_with('*'))
        {
            assert!(width(line) <= usize::from(columns), "{columns}: {line}");
        }
    }
}

#[test]
fn colour_changes_no_character() {
    let coloured = drawn(&backends(), 100, Style { color: true, ..UTF8 });
    let mut stripped = String::new();
    for (index, part) in coloured.split("\x1b[").enumerate() {
        let shown = if index == 0 {
            part
        } else {
            part.split_once('m').unwrap().1
        };
        stripped.push_str(shown);
    }
    assert!(coloured.contains("\x1b["), "{coloured}");
    assert_eq!(stripped, drawn(&backends(), 100, UTF8));
}

#[test]
fn ascii_tables_are_ascii_also_where_names_are_not() {
    let rows = [(series("b\u{fc}cher-\u{6f22}\u{5b57}", "10.0.0.1", None), healthy())];
    assert!(drawn(&rows, 100, Style::PLAIN).is_ascii());
}

#[test]
fn a_hostile_name_stays_in_its_cell() {
    let rows = [(series("x\x1b[2J\ny\u{202e}", "10.0.0.1", None), troubled())];
    let table = drawn(&rows, 120, UTF8);
    assert_eq!(
        table.lines().count(),
        5,
        "heading, rule, row, and two lines on what the host did: {table}"
    );
    assert_eq!(table.matches("x\\u{1b}[2J\\u{a}y\\u{202e}").count(), 2, "{table}");
}

#[test]
fn no_targets_make_an_empty_table() {
    assert_eq!(table(&[], 80, Style::PLAIN).lines().count(), 2);
}
