//! Durations in the spelling etcd's flags use: `300ms`, `5s`, `1m30s`, `1.5h`.

use std::time::Duration;

/// Reads a duration such as `1m30s`; `0` needs no unit. The error is a sentence for a usage error.
pub fn parse(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    if text.is_empty() {
        return Err(expected("an empty text"));
    }
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let number_len = span(rest, |c| c.is_ascii_digit() || c == '.');
        let (number, tail) = rest.split_at(number_len);
        let unit_len = span(tail, |c| !c.is_ascii_digit() && c != '.');
        let (unit, tail) = tail.split_at(unit_len);
        let number: f64 = number.parse().map_err(|_| expected(text))?;
        seconds += number * seconds_per(unit).ok_or_else(|| expected(text))?;
        rest = tail;
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| format!("the duration {text} is too long"))
}

fn span(text: &str, holds: impl Fn(char) -> bool) -> usize {
    text.find(|c| !holds(c)).unwrap_or(text.len())
}

fn seconds_per(unit: &str) -> Option<f64> {
    Some(match unit {
        "ns" => 1e-9,
        "us" | "\u{b5}s" | "\u{3bc}s" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return None,
    })
}

fn expected(text: &str) -> String {
    format!("{text} is not a duration: write a number and a unit, such as 300ms, 5s, 1m30s or 2h")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_etcd_flags_take() {
        for (text, millis) in [
            ("0", 0),
            ("0s", 0),
            ("300ms", 300),
            ("5s", 5_000),
            ("1m30s", 90_000),
            ("1.5h", 5_400_000),
            ("2h3m4.5s", 7_384_500),
            ("1d", 86_400_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn refuses_everything_else_with_a_sentence() {
        for text in ["", "5", "s", "5x", "-1s", "1..2s", "5s3", "1e400h"] {
            let error = parse(text).unwrap_err();
            assert!(error.contains("duration"), "{text}: {error}");
        }
        assert!(
            parse("99999999999999999999h")
                .unwrap_err()
                .contains("too long")
        );
    }
}
