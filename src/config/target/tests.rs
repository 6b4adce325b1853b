use proptest::prelude::*;

use super::*;

fn spec(name: Option<&str>, host: HostSpec, port: Option<u16>) -> TargetSpec {
    TargetSpec {
        name: name.map(str::to_owned),
        host,
        port: port.and_then(NonZeroU16::new),
    }
}

fn v6(text: &str) -> HostSpec {
    HostSpec::V6(text.parse().unwrap(), None)
}

fn named(text: &str) -> HostSpec {
    HostSpec::Name(text.to_owned())
}

#[test]
fn each_form_of_the_grammar_is_understood() {
    let v4 = HostSpec::V4(Ipv4Addr::new(192, 0, 2, 7));
    for (text, expected) in [
        ("192.0.2.7", spec(None, v4.clone(), None)),
        ("192.0.2.7:443", spec(None, v4.clone(), Some(443))),
        ("app01=192.0.2.7:443", spec(Some("app01"), v4, Some(443))),
        ("web-1.example.com", spec(None, named("web-1.example.com"), None)),
        (
            "web-1.example.com.:80",
            spec(None, named("web-1.example.com."), Some(80)),
        ),
        ("[2001:db8::1]", spec(None, v6("2001:db8::1"), None)),
        ("[2001:db8::1]:443", spec(None, v6("2001:db8::1"), Some(443))),
        ("db=[2001:db8::1]:5432", spec(Some("db"), v6("2001:db8::1"), Some(5432))),
        ("2001:db8::1", spec(None, v6("2001:db8::1"), None)),
        ("db=2001:db8::1", spec(Some("db"), v6("2001:db8::1"), None)),
        ("::1:80", spec(None, v6("::1:80"), None)),
        (
            "büro 2:x=_sip.example",
            spec(Some("büro 2:x"), named("_sip.example"), None),
        ),
    ] {
        assert_eq!(text.parse(), Ok(expected), "{text}");
    }
}

#[test]
fn link_local_addresses_keep_their_zone() {
    let host = HostSpec::V6("fe80::1".parse().unwrap(), Some("eth0.100".to_owned()));
    assert_eq!("fe80::1%eth0.100".parse(), Ok(spec(None, host.clone(), None)));
    assert_eq!(
        "gw=[fe80::1%eth0.100]:179".parse(),
        Ok(spec(Some("gw"), host, Some(179)))
    );
    for text in ["fe80::1%", "fe80::1%a/b", "[fe80::1%a%b]", "fe80::1%sixteencharacter"] {
        assert_eq!(text.parse::<TargetSpec>(), Err(TargetError::BadZone), "{text}");
    }
    assert_eq!(
        "::1%lo".parse::<TargetSpec>(),
        Err(TargetError::NeedlessZone(Ipv6Addr::LOCALHOST))
    );
}

#[test]
fn each_mistake_is_called_by_its_name() {
    use TargetError::*;
    let label64 = "a".repeat(64);
    for (text, expected) in [
        ("", EmptyHost),
        ("app=", EmptyHost),
        (":80", EmptyHost),
        ("=host", EmptyName),
        ("  =host", EmptyName),
        ("a\u{1b}[31m=host", UnprintableName('\u{1b}')),
        ("a\u{202e}=host", UnprintableName('\u{202e}')),
        (" a=host", UnprintableName(' ')),
        ("host:0", BadPort("0".to_owned())),
        ("host:65536", BadPort("65536".to_owned())),
        ("host:+80", BadPort("+80".to_owned())),
        ("host:", BadPort(String::new())),
        ("host:http", BadPort("http".to_owned())),
        ("[::1]:0", BadPort("0".to_owned())),
        ("[::1", BadBrackets),
        ("[::1]80", BadBrackets),
        ("[192.0.2.1]:80", BadBrackets),
        ("[]", BadBrackets),
        ("host:80:90", BadV6("host:80:90".to_owned())),
        ("2001:db8:::1", BadV6("2001:db8:::1".to_owned())),
        ("10.0.0.256", BadV4("10.0.0.256".to_owned())),
        ("10.1", BadV4("10.1".to_owned())),
        ("127", BadV4("127".to_owned())),
        ("0x7f.0x1", BadV4("0x7f.0x1".to_owned())),
        ("a b", HostCharacter(' ')),
        ("host/24", HostCharacter('/')),
        ("münchen.example", HostCharacter('ü')),
        ("a=b=c", HostCharacter('=')),
        ("a..b", BadHostName("a..b".to_owned())),
        (".", BadHostName(".".to_owned())),
        ("-a.example", BadHostName("-a.example".to_owned())),
        (label64.as_str(), BadHostName(label64.clone())),
        ("::ffff:192.0.2.1", MappedV4(Ipv4Addr::new(192, 0, 2, 1))),
        (
            "0.0.0.0",
            NotOneHost(IpAddr::V4(Ipv4Addr::UNSPECIFIED), "the unspecified"),
        ),
        ("::", NotOneHost(IpAddr::V6(Ipv6Addr::UNSPECIFIED), "the unspecified")),
        (
            "224.0.0.1",
            NotOneHost(IpAddr::V4(Ipv4Addr::new(224, 0, 0, 1)), "a multicast"),
        ),
        (
            "255.255.255.255",
            NotOneHost(IpAddr::V4(Ipv4Addr::BROADCAST), "the broadcast"),
        ),
    ] {
        assert_eq!(text.parse::<TargetSpec>(), Err(expected), "{text:?}");
    }
    assert_eq!(format!("{}=h", "n".repeat(65)).parse::<TargetSpec>(), Err(LongName));
    assert!(
        format!("{}=h", "é".repeat(64)).parse::<TargetSpec>().is_ok(),
        "the limit counts characters"
    );
}

#[test]
fn host_names_may_be_253_characters_long_and_no_longer() {
    let name = |len: usize| {
        format!(
            "{}.{}",
            "a".repeat(62),
            ["b".repeat(62), "c".repeat(62), "d".repeat(len - 189)].join(".")
        )
    };
    assert_eq!(name(252).len(), 252);
    assert!(name(252).parse::<TargetSpec>().is_ok());
    let longest = format!(
        "{}.{}.{}.{}",
        "a".repeat(63),
        "b".repeat(63),
        "c".repeat(63),
        "d".repeat(61)
    );
    assert_eq!(longest.len(), 253);
    assert!(longest.parse::<TargetSpec>().is_ok());
    assert!(
        format!("{longest}.").parse::<TargetSpec>().is_ok(),
        "the root's dot does not count"
    );
    assert!(format!("{longest}d").parse::<TargetSpec>().is_err());
}

#[test]
fn messages_are_one_line_whatever_was_typed() {
    for text in ["a:b\nc:1", "[\n::1]", "\n", "a\r=b", "h:\n", "[a:\u{7}:\n]"] {
        let message = text.parse::<TargetSpec>().unwrap_err().to_string();
        assert!(!message.chars().any(char::is_control), "{message:?}");
    }
}

/// The grammar read as a definition, not as an algorithm: every way to cut the text into name, host and port is tried
/// against the rules for the parts, and the text is a target if one fits. Slow, and independent of the order in which
/// the parser looks.
fn by_definition(text: &str) -> Option<TargetSpec> {
    let mut found = Vec::new();
    let cuts = text
        .char_indices()
        .filter(|(_, c)| *c == '=')
        .map(|(at, _)| Some(at))
        .chain([None]);
    for cut in cuts {
        let name = cut.map(|at| &text[..at]);
        let rest = cut.map_or(text, |at| &text[at + 1..]);
        if name.is_some_and(|name| !name_by_definition(name)) {
            continue;
        }
        let ports = rest
            .char_indices()
            .filter(|(_, c)| *c == ':')
            .map(|(at, _)| Some(at))
            .chain([None]);
        for port_cut in ports {
            let (host, port) = port_cut.map_or((rest, None), |at| (&rest[..at], Some(&rest[at + 1..])));
            let port = match port {
                None => None,
                // Ports with leading zeros are numbers too.
                Some(port) => match port
                    .chars()
                    .try_fold(0_u64, |n, c| Some(n * 10 + u64::from(c.to_digit(10)?)))
                {
                    Some(number @ 1..=65_535) => NonZeroU16::new(number.try_into().unwrap()),
                    _ => continue,
                },
            };
            if let Some(host) = host_by_definition(host, port.is_some()) {
                found.push(TargetSpec {
                    name: name.map(str::to_owned),
                    host,
                    port,
                });
            }
        }
    }
    assert!(found.len() <= 1, "{text:?} is ambiguous: {found:?}");
    found.pop()
}

fn name_by_definition(name: &str) -> bool {
    let printable = |c: char| c.is_alphanumeric() || ('!'..='~').contains(&c) || c == ' ';
    !name.is_empty()
        && !name.contains('=')
        && name == name.trim_matches(' ')
        && name.chars().count() <= 64
        && name.chars().all(printable)
}

fn host_by_definition(host: &str, has_port: bool) -> Option<HostSpec> {
    let bracketed = host.len() >= 2 && host.starts_with('[') && host.ends_with(']');
    let inner = if bracketed { &host[1..host.len() - 1] } else { host };
    let address = inner.split('%').next().unwrap_or(inner);
    if let Ok(v6) = address.parse::<Ipv6Addr>() {
        let zone = inner.strip_prefix(address)?.strip_prefix('%').map(str::to_owned);
        let zone_fits = zone.as_deref().is_none_or(|zone| {
            v6.segments()[0] & 0xffc0 == 0xfe80
                && (1..=15).contains(&zone.len())
                && zone != "."
                && zone != ".."
                && zone.chars().all(|c| ('!'..='~').contains(&c) && !"/%[]".contains(c))
        });
        let plain = v6 != Ipv6Addr::UNSPECIFIED && v6.segments()[0] >> 8 != 0xff && v6.to_ipv4_mapped().is_none();
        return ((bracketed || !has_port) && zone_fits && plain).then_some(HostSpec::V6(v6, zone));
    }
    if bracketed {
        return None;
    }
    if let Ok(v4) = host.parse::<Ipv4Addr>() {
        let one = v4 != Ipv4Addr::UNSPECIFIED && v4 != Ipv4Addr::BROADCAST && v4.octets()[0] >> 4 != 0xe;
        return one.then_some(HostSpec::V4(v4));
    }
    let labels: Vec<&str> = host.strip_suffix('.').unwrap_or(host).split('.').collect();
    let label = |label: &&str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = labels.last()?.to_lowercase();
    let numeric = last.chars().all(|c| c.is_ascii_digit())
        || last
            .strip_prefix("0x")
            .is_some_and(|hex| hex.chars().all(|c| c.is_ascii_hexdigit()));
    (labels.iter().all(label) && labels.join(".").len() <= 253 && !numeric).then(|| HostSpec::Name(host.to_owned()))
}

fn any_host() -> impl Strategy<Value = HostSpec> {
    let link_local = (any::<u64>(), proptest::option::of("[a-z][a-z0-9.]{0,7}"))
        .prop_map(|(low, zone)| HostSpec::V6(Ipv6Addr::from(0xfe80_u128 << 112 | u128::from(low)), zone));
    prop_oneof![
        any::<u32>().prop_map(|bits| HostSpec::V4(bits.into())),
        any::<u128>().prop_map(|bits| HostSpec::V6(bits.into(), None)),
        link_local,
        "[a-z0-9_]{1,12}(\\.[a-z0-9_]{1,6}){0,3}\\.[a-z]{2,6}\\.?".prop_map(HostSpec::Name),
    ]
    .prop_filter("addresses of one host", |host| match host {
        HostSpec::V4(a) => one_host((*a).into()).is_ok(),
        HostSpec::V6(a, _) => one_host((*a).into()).is_ok() && a.to_ipv4_mapped().is_none(),
        HostSpec::Name(_) => true,
    })
}

proptest! {
    #[test]
    fn what_is_written_out_reads_back_the_same(
        name in proptest::option::of("[A-Za-z0-9äé:._\\[\\]%-]{1,20}"),
        host in any_host(),
        port in proptest::option::of(1_u16..),
    ) {
        let spec = TargetSpec { name, host, port: port.and_then(NonZeroU16::new) };
        prop_assert_eq!(spec.to_string().parse(), Ok(spec));
    }

    #[test]
    fn near_misses_of_the_grammar_are_judged_as_the_definition_judges_them(
        text in "([a-z ]{0,3}=)?(\\[)?([0-9a-f]{0,4}[:.]{0,2}){0,5}(%[a-z%]{0,3})?(\\])?(:[0-9]{0,6})?",
    ) {
        prop_assert_eq!(text.parse::<TargetSpec>().ok(), by_definition(&text));
    }

    #[test]
    fn arbitrary_text_is_judged_as_the_definition_judges_it(text in "\\PC{0,12}|[a-z0-9:.=%\\[\\] -]{0,20}|fe80::[0-9a-z%:]{0,8}") {
        prop_assert_eq!(text.parse::<TargetSpec>().ok(), by_definition(&text));
    }
}
