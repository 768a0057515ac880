//! The network between members: what becomes of each message.

use super::random::Random;
use std::collections::BTreeSet;

/// How bad a network is.
#[derive(Debug, Clone, Copy)]
pub struct Weather {
    /// Of a thousand messages, so many are lost, and so many come twice.
    pub lost: u64,
    pub doubled: u64,
    /// The shortest and the longest way of a message.
    pub delay: (i64, i64),
}

impl Weather {
    pub const CALM: Weather = Weather {
        lost: 0,
        doubled: 0,
        delay: (1, 10),
    };
}

/// Who hears whom.
pub struct Network {
    pub weather: Weather,
    /// From, to.
    cut: BTreeSet<(u64, u64)>,
}

impl Network {
    pub fn new(weather: Weather) -> Self {
        Self {
            weather,
            cut: BTreeSet::new(),
        }
    }

    /// When the copies of a message arrive, in how much time from now.
    pub fn fate(&self, from: u64, to: u64, random: &mut Random) -> Vec<u64> {
        let Weather {
            lost,
            doubled,
            delay,
        } = self.weather;
        if self.cut.contains(&(from, to)) || random.below(1000) < lost {
            return Vec::new();
        }
        let copies = 1 + u64::from(random.below(1000) < doubled);
        (0..copies)
            .map(|_| random.between(delay.0, delay.1) as u64)
            .collect()
    }

    /// Nobody of one side hears the other; one way only when `is_one_way`.
    pub fn split(&mut self, sides: (&[u64], &[u64]), is_one_way: bool) {
        for one in sides.0 {
            for other in sides.1 {
                self.cut.insert((*one, *other));
                if !is_one_way {
                    self.cut.insert((*other, *one));
                }
            }
        }
    }

    pub fn heal(&mut self) {
        self.cut.clear();
    }
}
