//! The formats of a scrape, and which of them a client wants.

/// How metrics are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// The text format of Prometheus, version 0.0.4: what everybody can read.
    Text,
    /// `OpenMetrics` 1.0.0, as text.
    OpenMetrics,
    /// The protocol buffers of Prometheus, each with its length before it: the only one with native histograms.
    Protobuf,
}

impl Format {
    /// All formats, the one for whoever does not say first.
    pub const ALL: [Self; 3] = [Self::Text, Self::OpenMetrics, Self::Protobuf];

    /// What an `Accept` header asks for (RFC 9110, section 12.5.1): of what is known here, the one of the highest weight, and of equal ones the
    /// first. Text, where nothing is asked for or nothing of it is known: a client that can't read that says so itself.
    #[must_use]
    pub fn accepted(accept: &str) -> Self {
        let mut best: Option<(u32, Self)> = None;
        for range in accept.split(',') {
            let (Some(format), weight) = (Self::of_range(range), weight(range)) else {
                continue;
            };
            if weight > best.map_or(0, |(best, _)| best) {
                best = Some((weight, format));
            }
        }
        best.map_or(Self::Text, |(_, format)| format)
    }

    /// The `Content-Type` of an answer.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
            }
        }
    }

    /// The format that one part of the header names.
    fn of_range(range: &str) -> Option<Self> {
        let kind = range.split(';').next().unwrap_or(range).trim().to_ascii_lowercase();
        let is = |name, wanted: &[&str]| {
            parameter(range, name).is_none_or(|value| wanted.iter().any(|known| value.eq_ignore_ascii_case(known)))
        };
        match kind.as_str() {
            "text/plain" if is("version", &["0.0.4"]) => Some(Self::Text),
            "text/*" | "*/*" => Some(Self::Text),
            "application/openmetrics-text" if is("version", &["1.0.0", "0.0.1"]) => Some(Self::OpenMetrics),
            "application/vnd.google.protobuf"
                if is("proto", &["io.prometheus.client.MetricFamily"]) && is("encoding", &["delimited"]) =>
            {
                Some(Self::Protobuf)
            }
            _ => None,
        }
    }
}

/// Whether an `Accept-Encoding` header asks for gzip (RFC 9110, section 12.5.3). Who sends none is sent none.
#[must_use]
pub fn takes_gzip(accept_encoding: &str) -> bool {
    let weight_of = |name: &str| {
        let is_it = |range: &&str| {
            let coding = range.split(';').next().unwrap_or(range).trim();
            coding.eq_ignore_ascii_case(name)
        };
        accept_encoding.split(',').find(is_it).map(weight)
    };
    weight_of("gzip")
        .or_else(|| weight_of("*"))
        .is_some_and(|weight| weight > 0)
}

/// The value of a parameter of a media range, without quotes.
fn parameter<'a>(range: &'a str, name: &str) -> Option<&'a str> {
    range.split(';').skip(1).find_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        key.trim()
            .eq_ignore_ascii_case(name)
            .then(|| value.trim().trim_matches('"'))
    })
}

/// The weight of a media range in thousandths; what is no weight counts as none.
fn weight(range: &str) -> u32 {
    let Some(text) = parameter(range, "q") else {
        return 1_000;
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_number = fraction.len() <= 3 && fraction.bytes().all(|digit| digit.is_ascii_digit());
    match (whole, is_number) {
        ("1", true) if fraction.bytes().all(|digit| digit == b'0') => 1_000,
        ("0", true) => format!("{fraction:0<3}").parse().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_headers_of_known_clients_get_what_they_prefer() {
        for (accept, wanted) in [
            ("", Format::Text),
            ("*/*", Format::Text),
            // Firefox, and Prometheus 2.42 without and with native histograms, and 3.x.
            (
                "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
                Format::Text,
            ),
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                 text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                Format::OpenMetrics,
            ),
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,\
                 application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,\
                 text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                Format::Protobuf,
            ),
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
                 text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                Format::OpenMetrics,
            ),
        ] {
            assert_eq!(Format::accepted(accept), wanted, "{accept}");
        }
    }

    #[test]
    fn weights_decide_and_none_excludes() {
        for (accept, wanted) in [
            (
                "text/plain;q=0.4, application/openmetrics-text;q=0.5",
                Format::OpenMetrics,
            ),
            ("text/plain;q=0.5, application/openmetrics-text;q=0.45", Format::Text),
            (
                "application/openmetrics-text;q=0.500, text/plain;q=0.5",
                Format::OpenMetrics,
            ),
            ("application/openmetrics-text;q=0", Format::Text),
            ("application/openmetrics-text;q=0.0, */*;q=0.001", Format::Text),
            (
                "APPLICATION/OpenMetrics-Text ; Version=\"1.0.0\" ; Q=1.000",
                Format::OpenMetrics,
            ),
            // Nonsense is not asked for.
            ("application/openmetrics-text;q=2, text/plain;q=0.1", Format::Text),
            ("application/openmetrics-text;q=-1;;,,;=,", Format::Text),
            ("application/openmetrics-text;version=2.0.0", Format::Text),
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text",
                Format::Text,
            ),
            ("application/vnd.google.protobuf;proto=other", Format::Text),
        ] {
            assert_eq!(Format::accepted(accept), wanted, "{accept}");
        }
    }

    #[test]
    fn gzip_is_for_who_asks_for_it() {
        for (header, wanted) in [
            ("", false),
            ("gzip", true),
            ("deflate, GZIP;q=1.0, br", true),
            ("gzip;q=0.5, identity", true),
            ("gzip;q=0, *", false),
            ("br, *;q=0.1", true),
            ("*;q=0", false),
            ("identity", false),
            ("xgzip", false),
        ] {
            assert_eq!(takes_gzip(header), wanted, "{header}");
        }
    }

    proptest! {
        #[test]
        fn any_header_is_answered_in_some_format(accept in "[a-z/*;=q.0-9, \"]{0,60}|\\PC{0,40}") {
            let format = Format::accepted(&accept);
            // What is answered was asked for, or is what everybody gets.
            let asked = format == Format::Text || accept.to_ascii_lowercase().contains("application/");
            prop_assert!(asked, "{format:?}");
        }
    }
}
