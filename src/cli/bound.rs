//! Bounds as people write them.

/// What stands behind a number of bytes, and how many it then means.
const UNITS: [(&str, u64); 4] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// A number above 0; 0 stands for `none`.
pub fn count(text: &str) -> Result<u64, String> {
    match text {
        "none" => Ok(0),
        text => match text.parse() {
            Ok(number @ 1..) => Ok(number),
            _ => Err("a number of 1 or more, or none".to_owned()),
        },
    }
}

/// A number of bytes above 0, with or without a unit; 0 stands for `none`.
pub fn size(text: &str) -> Result<u64, String> {
    let units = UNITS.iter();
    let mut scaled = units.filter_map(|(unit, scale)| Some((text.strip_suffix(unit)?, scale)));
    let (digits, scale) = scaled.next().unwrap_or((text, &1));
    let found = count(digits)
        .ok()
        .and_then(|number| number.checked_mul(*scale));
    found
        .filter(|bytes| *bytes > 0 || text == "none")
        .ok_or_else(|| "a number of bytes, such as 4096 or 2GiB, or none".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_numbers_with_a_unit_or_none() {
        assert_eq!(size("4096"), Ok(4096));
        assert_eq!(size("2GiB"), Ok(2 << 30));
        assert_eq!((size("none"), count("none")), (Ok(0), Ok(0)));
        for text in ["", "0", "0KiB", "-1", "2GB", "noneKiB", "99999999999TiB"] {
            assert!(size(text).is_err(), "{text}");
        }
        assert_eq!(count("7"), Ok(7));
        assert!(count("0").is_err());
        assert!(count("7KiB").is_err());
    }
}
