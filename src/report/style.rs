//! What the terminal, if it is one, can show. Decided once, from the environment, and passed on as a value.

/// What the user asked of colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColorChoice {
    /// Colour where it can be seen and nobody objects.
    #[default]
    Auto,
    /// Colour, also into a pipe.
    Always,
    /// No colour.
    Never,
}

/// The characters that the reader's locale can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// A UTF-8 locale.
    Utf8,
    /// Any other, such as that of cron.
    Ascii,
}

/// How text for people looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether text may be coloured. Nothing is ever said by colour alone.
    pub color: bool,
    /// Characters to draw with.
    pub charset: Charset,
}

impl Style {
    /// No colour, ASCII only: right everywhere.
    pub const PLAIN: Self = Self {
        color: false,
        charset: Charset::Ascii,
    };

    /// The style for an output that is or isn't a terminal, in the environment that `var` reads.
    ///
    /// Colour: `choice` first; then on a terminal only, with `NO_COLOR` unset or empty and `TERM` set but not `dumb`.
    /// UTF-8: as the first non-empty one of `LC_ALL`, `LC_CTYPE`, `LANG` says (setlocale(3)), terminal or not.
    pub fn choose(choice: ColorChoice, is_terminal: bool, var: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name| var(name).filter(|value| !value.is_empty());
        let color = match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => {
                is_terminal && set("NO_COLOR").is_none() && set("TERM").is_some_and(|term| term != "dumb")
            }
        };
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .find_map(set)
            .unwrap_or_default()
            .to_ascii_lowercase();
        let utf8 = locale.contains("utf-8") || locale.contains("utf8");
        Self {
            color,
            charset: if utf8 { Charset::Utf8 } else { Charset::Ascii },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(choice: ColorChoice, is_terminal: bool, vars: &[(&str, &str)]) -> Style {
        Style::choose(choice, is_terminal, |name| {
            vars.iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn colour_needs_a_capable_terminal_and_no_objection() {
        let color = |terminal, vars: &[(&str, &str)]| choose(ColorChoice::Auto, terminal, vars).color;
        assert!(color(true, &[("TERM", "xterm")]));
        assert!(
            color(true, &[("TERM", "xterm"), ("NO_COLOR", "")]),
            "an empty NO_COLOR is no objection"
        );
        assert!(!color(true, &[("TERM", "xterm"), ("NO_COLOR", "1")]));
        assert!(!color(true, &[("TERM", "dumb")]));
        assert!(!color(true, &[]));
        assert!(!color(false, &[("TERM", "xterm")]));
    }

    #[test]
    fn an_explicit_choice_beats_the_environment() {
        assert!(choose(ColorChoice::Always, false, &[("NO_COLOR", "1")]).color);
        assert!(!choose(ColorChoice::Never, true, &[("TERM", "xterm")]).color);
    }

    #[test]
    fn the_first_locale_variable_that_is_set_decides_the_characters() {
        let charset = |vars: &[(&str, &str)]| choose(ColorChoice::Auto, true, vars).charset;
        assert_eq!(charset(&[]), Charset::Ascii, "cron sets no locale");
        assert_eq!(charset(&[("LANG", "C.UTF-8")]), Charset::Utf8);
        assert_eq!(charset(&[("LANG", "de_DE.utf8")]), Charset::Utf8);
        assert_eq!(charset(&[("LC_ALL", "C"), ("LANG", "C.UTF-8")]), Charset::Ascii);
        assert_eq!(
            charset(&[("LC_ALL", ""), ("LC_CTYPE", "C.UTF-8"), ("LANG", "C")]),
            Charset::Utf8
        );
    }
}
