//! The arithmetic of comparing runs.

use serde::Serialize;

/// The middle of some runs, and how far they lie apart.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Summary {
    /// The middle value; between the two middle ones if their number is even.
    pub median: f64,
    /// The smallest value.
    pub min: f64,
    /// The largest value.
    pub max: f64,
}

impl Summary {
    /// Of at least one run.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let upper = values.len() / 2;
        let lower = (values.len() - 1) / 2;
        Some(Self {
            median: (values[lower] + values[upper]) / 2.0,
            min,
            max,
        })
    }

    /// Largest minus smallest, in percent of the median.
    pub fn spread_percent(&self) -> f64 {
        ratio(self.max - self.min, self.median).unwrap_or(0.0) * 100.0
    }
}

/// `a / b`; nothing when `b` is zero.
pub fn ratio(a: f64, b: f64) -> Option<f64> {
    (b != 0.0).then(|| a / b)
}

/// Rounds to `digits` after the point, so that answers do not show digits nobody measured.
pub fn round(value: f64, digits: i32) -> f64 {
    let scale = 10f64.powi(digits);
    (value * scale).round() / scale
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn median(values: &[f64]) -> f64 {
        Summary::of(values.iter().copied()).unwrap().median
    }

    #[test]
    fn the_median_is_in_the_middle_and_outliers_do_not_move_it() {
        assert_eq!(median(&[7.0]), 7.0);
        assert_eq!(median(&[9.0, 1.0, 5.0]), 5.0);
        assert_eq!(median(&[9.0, 1.0, 5.0, 7.0]), 6.0);
        assert_eq!(median(&[1e9, 1.0, 5.0]), 5.0);
        assert_eq!(Summary::of([]), None);
    }

    #[test]
    fn the_spread_is_relative_to_the_median() {
        let summary = Summary::of([90.0, 100.0, 120.0]).unwrap();
        assert_eq!((summary.min, summary.max), (90.0, 120.0));
        assert_eq!(summary.spread_percent(), 30.0);
        assert_eq!(Summary::of([0.0]).unwrap().spread_percent(), 0.0);
    }

    #[test]
    fn a_ratio_needs_something_to_compare_with() {
        assert_eq!(ratio(3.0, 2.0), Some(1.5));
        assert_eq!(ratio(0.0, 2.0), Some(0.0));
        assert_eq!(ratio(3.0, 0.0), None);
    }

    #[test]
    fn rounding_keeps_the_digits_asked_for() {
        assert_eq!(round(1.2345, 2), 1.23);
        assert_eq!(round(1234.5, 0), 1235.0);
    }
}
