//! What etcd asks of the value of a flag; the words of a refusal are Go's.

use crate::cli::duration;
use std::num::IntErrorKind;
use std::ops::RangeInclusive;

const UNSIGNED: RangeInclusive<i128> = 0..=u64::MAX as i128;
const SIGNED: RangeInclusive<i128> = i64::MIN as i128..=i64::MAX as i128;
const PARSE: &str = "parse error";
const RANGE: &str = "value out of range";
/// What a YAML file may have for a truth value beside those of a flag.
const YAML_TRUTHS: [&str; 4] = ["yes", "no", "on", "off"];

/// A kind of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Any text.
    Text,
    /// Any text, or none at all: etcd does not look at it.
    Ignored,
    /// A truth value; none is true.
    Switch,
    /// A whole number of 0 or more.
    Unsigned,
    /// A whole number.
    Signed,
    /// A time span.
    Duration,
    /// One of these.
    OneOf(&'static [&'static str]),
    /// Some of these, with commas between.
    SomeOf(&'static [&'static str]),
}

impl Kind {
    /// Whether such a flag has its value behind `=` or none.
    pub(super) fn stands_alone(self) -> bool {
        matches!(self, Self::Switch | Self::Ignored)
    }

    /// Says what is wrong with a value.
    pub(super) fn check(self, text: &str) -> Result<(), String> {
        let parsed = |is_good: bool| {
            if is_good {
                Ok(())
            } else {
                Err(PARSE.to_owned())
            }
        };
        match self {
            Self::Text | Self::Ignored => Ok(()),
            Self::Switch => parsed(truth(text).is_some()),
            Self::Unsigned => Ok(whole(text, UNSIGNED)?),
            Self::Signed => Ok(whole(text, SIGNED)?),
            Self::Duration => parsed(is_duration(text)),
            Self::OneOf(words) if words.contains(&text) => Ok(()),
            Self::OneOf(_) => Err("invalid value".to_owned()),
            Self::SomeOf(words) => match text.split(',').find(|word| !words.contains(word)) {
                Some(wrong) => Err(format!("invalid value \"{wrong}\"")),
                None => Ok(()),
            },
        }
    }

    /// The same for a config file, where etcd gives a time span in nanoseconds and takes any word.
    pub(super) fn check_in_file(self, text: &str) -> Result<(), String> {
        match self {
            Self::OneOf(_) | Self::SomeOf(_) => Ok(()),
            Self::Duration if whole(text, SIGNED).is_ok() => Ok(()),
            Self::Switch if YAML_TRUTHS.contains(&text.to_lowercase().as_str()) => Ok(()),
            kind => kind.check(text),
        }
    }
}

/// A truth value in one of the forms that Go reads.
pub(super) fn truth(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// A whole number in one of the forms that Go reads: `0x10`, `0b11`, `0o17` and `017` too, and
/// with single `_` between digits.
fn whole(text: &str, range: RangeInclusive<i128>) -> Result<(), &'static str> {
    let has_sign = range.contains(&-1) && text.starts_with(['+', '-']);
    let digits = if has_sign { &text[1..] } else { text };
    let lower = digits.to_lowercase();
    let (radix, digits) = match lower.strip_prefix('0') {
        Some(rest) if !rest.is_empty() => match rest.split_at_checked(1) {
            Some(("x", digits)) => (16, digits),
            Some(("b", digits)) => (2, digits),
            Some(("o", digits)) => (8, digits),
            _ => (8, rest),
        },
        _ => (10, lower.as_str()),
    };
    // What Rust reads, and Go does not.
    let has_sign_again = digits.starts_with(['+', '-']);
    let separates = !digits.ends_with('_') && !digits.contains("__") && !lower.starts_with('_');
    if has_sign_again || !separates {
        return Err(PARSE);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    match i128::from_str_radix(&digits.replace('_', ""), radix) {
        Ok(number) if range.contains(&(sign * number)) => Ok(()),
        Ok(_) => Err(RANGE),
        Err(error) if *error.kind() == IntErrorKind::PosOverflow => Err(RANGE),
        Err(_) => Err(PARSE),
    }
}

/// Whether Go reads it: with a sign, without days, and up to 292 years.
fn is_duration(text: &str) -> bool {
    let span = duration::parse(text.strip_prefix(['+', '-']).unwrap_or(text));
    let fits = span.is_ok_and(|span| i64::try_from(span.as_nanos()).is_ok());
    fits && !text.contains('d')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What etcd 3.7.1 said to each.
    #[test]
    fn values_are_taken_and_refused_as_by_etcd() {
        let levels = Kind::SomeOf(&["write-only", "gone"]);
        for (kind, taken, refused) in [
            (Kind::Text, &["", "a b"][..], &[][..]),
            (Kind::Ignored, &["", "x"], &[]),
            (Kind::Switch, &["T", "0"], &[("", PARSE), ("yes", PARSE)]),
            (
                Kind::Unsigned,
                &["0", "7", "0x10", "0b11", "010", "0o17", "0_7", "1_000"],
                &[
                    ("", PARSE),
                    ("abc", PARSE),
                    ("1.5", PARSE),
                    ("-1", PARSE),
                    ("+1", PARSE),
                    ("0x", PARSE),
                    ("0x-1", PARSE),
                    ("09", PARSE),
                    ("1__0", PARSE),
                    ("_1", PARSE),
                    ("18446744073709551616", RANGE),
                ],
            ),
            (
                Kind::Signed,
                &["+1", "-1", "-0x1", "-9223372036854775808"],
                &[
                    ("--1", PARSE),
                    ("1.5", PARSE),
                    ("9223372036854775808", RANGE),
                ],
            ),
            (
                Kind::Duration,
                &["0", "5s", "+5s", "-5s", ".5s", "5.s", "1h30m"],
                &[
                    ("", PARSE),
                    ("5", PARSE),
                    ("1d", PARSE),
                    ("99999999999h", PARSE),
                ],
            ),
            (
                Kind::OneOf(&["exit"]),
                &["exit"],
                &[("x", "invalid value"), ("", "invalid value")],
            ),
            (
                levels,
                &["gone", "gone,write-only"],
                &[
                    ("", "invalid value \"\""),
                    ("gone,x", "invalid value \"x\""),
                ],
            ),
        ] {
            for text in taken {
                assert_eq!(kind.check(text), Ok(()), "{kind:?} {text}");
            }
            for (text, why) in refused {
                assert_eq!(kind.check(text), Err((*why).to_owned()), "{kind:?} {text}");
            }
        }
    }

    #[test]
    fn a_file_has_numbers_for_time_spans_and_any_words() {
        for (kind, text, is_taken) in [
            (Kind::Duration, "5000", true),
            (Kind::Duration, "5s", true),
            (Kind::Duration, "x", false),
            (Kind::OneOf(&["exit"]), "x", true),
            (Kind::Switch, "yes", true),
            (Kind::Switch, "x", false),
            (Kind::Unsigned, "abc", false),
        ] {
            assert_eq!(
                kind.check_in_file(text).is_ok(),
                is_taken,
                "{kind:?} {text}"
            );
        }
    }
}
