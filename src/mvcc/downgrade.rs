//! Downgrades: that one is under way, and to which version.
//!
//! The format of a keyspace depends on no version of etcd's, so nothing has to be done for one: it
//! is remembered for those who ask, who are also told its version as the cluster's.

use crate::error::{Error, Result};
use crate::mvcc::scratch::Scratch;
use crate::pb::etcdserverpb::downgrade_request::DowngradeAction;
use crate::pb::etcdserverpb::{DowngradeInfo, DowngradeRequest};
use bytes::Bytes;

/// The name of the metadata record: the version; empty or absent: there is none under way.
pub const META: &str = "downgrade";

/// Reads the record.
pub fn decode(record: Option<Bytes>) -> Result<DowngradeInfo> {
    let target_version = String::from_utf8(record.unwrap_or_default().to_vec());
    let target_version = target_version.map_err(|_| Error::CorruptRecord {
        subspace: 'm',
        detail: "the version of a downgrade is no text",
    })?;
    Ok(DowngradeInfo {
        enabled: !target_version.is_empty(),
        target_version,
    })
}

/// Begins or cancels a downgrade, or says whether one could begin. That the version is one that can
/// be gone back to has been checked.
pub async fn change(scratch: &mut Scratch, request: &DowngradeRequest) -> Result<()> {
    let is_under_way = decode(scratch.meta(META).await?)?.enabled;
    match request.action() {
        DowngradeAction::Validate | DowngradeAction::Enable if is_under_way => {
            return Err(Error::DowngradeInProcess);
        }
        DowngradeAction::Validate => {}
        DowngradeAction::Enable => scratch.set_meta(META, request.version.clone().into()),
        // etcd answers as if there was something to cancel.
        DowngradeAction::Cancel if !is_under_way => {}
        DowngradeAction::Cancel => scratch.set_meta(META, Bytes::new()),
    }
    Ok(())
}
