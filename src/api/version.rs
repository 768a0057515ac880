//! The etcd version a server reports.

use crate::pb::etcdserverpb::DowngradeInfo;
use std::fmt;
use std::str::FromStr;

/// An etcd release, `major.minor.patch`. Clients decide by it which features they use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EtcdVersion {
    major: u32,
    minor: u32,
    patch: u32,
}

impl EtcdVersion {
    /// The version whose format all servers of a cluster understand: the minor release.
    ///
    /// etcd reports it as the cluster version and as the storage version.
    pub fn cluster(self) -> Self {
        Self { patch: 0, ..self }
    }

    /// The same where a downgrade may be under way: then it is the version that goes to.
    pub fn cluster_during(self, downgrade: &DowngradeInfo) -> Self {
        Self::of_cluster(&downgrade.target_version).unwrap_or(self.cluster())
    }

    /// The version of a cluster that a client names, with or without the number of a patch.
    pub fn of_cluster(text: &str) -> Option<Self> {
        // What stands behind the numbers tells apart what is one version to a cluster.
        let numbers = text.split(['-', '+']).next().unwrap_or_default();
        let whole = numbers.parse().or_else(|_| format!("{numbers}.0").parse());
        whole.ok().map(Self::cluster)
    }

    /// That of a cluster one minor release before this one.
    pub fn minor_release_before(self) -> Option<Self> {
        let minor = self.minor.checked_sub(1)?;
        Some(Self { minor, ..self }.cluster())
    }

    /// Its minor release, as etcd's metrics name it.
    pub fn minor_release(self) -> String {
        format!("{}.{}", self.major, self.minor)
    }
}

impl fmt::Display for EtcdVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// The text is not a version of the form `3.7.1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a version: write three numbers, such as 3.7.1")]
pub struct InvalidVersion;

impl FromStr for EtcdVersion {
    type Err = InvalidVersion;

    fn from_str(text: &str) -> Result<Self, InvalidVersion> {
        let mut parts = text.split('.').map(|part| {
            // `parse` alone would let a sign through.
            let digits = part.bytes().all(|byte| byte.is_ascii_digit());
            part.parse::<u32>().ok().filter(|_| digits)
        });
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(Some(major)), Some(Some(minor)), Some(Some(patch)), None) => Ok(Self {
                major,
                minor,
                patch,
            }),
            _ => Err(InvalidVersion),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_read_and_written() {
        let version: EtcdVersion = "3.7.1".parse().unwrap();
        assert_eq!(version.to_string(), "3.7.1");
        assert_eq!(version.cluster().to_string(), "3.7.0");
        assert_eq!(version.minor_release(), "3.7");
        let before = version.minor_release_before().unwrap();
        assert_eq!(before.to_string(), "3.6.0");
        for text in ["3.6", "3.6.0", "3.6.5", "3.6.0-rc.1"] {
            assert_eq!(EtcdVersion::of_cluster(text), Some(before), "{text}");
        }
        for text in ["", "3", "v3.6", "3.6.x"] {
            assert_eq!(EtcdVersion::of_cluster(text), None, "{text}");
        }
    }

    #[test]
    fn anything_but_three_numbers_is_refused() {
        for text in [
            "", "3", "3.7", "3.7.", "3.7.1.0", "v3.7.1", "3.7.x", "3.+7.1", "3.7.-1",
        ] {
            assert_eq!(text.parse::<EtcdVersion>(), Err(InvalidVersion), "{text}");
        }
    }
}
