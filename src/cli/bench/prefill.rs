//! Writing many keys: those a run reads, before its clock starts, and those whose memory is measured.

use super::{plan::Data, stop::Stop};
use crate::{
    cli::{
        client::Client,
        exit::{Interrupted, UsageError},
    },
    pb::etcdserverpb::{PutRequest, RangeRequest, RequestOp, TxnRequest, request_op::Request},
};
use anyhow::{Context, Result};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use rand::{SeedableRng, rngs::SmallRng};

/// etcd takes 128 operations in a transaction by default, and 1.5 MiB in a request.
const TXN_PUTS: u64 = 64;
const TXN_BYTES: u64 = 512 << 10;
const TXNS_IN_FLIGHT: usize = 16;

/// Writes `puts` values over all keys in order, again and again from the first key.
pub async fn write(client: &Client, data: &Data, puts: u64, stop: &Stop) -> Result<()> {
    let mut rng = SmallRng::seed_from_u64(data.seed);
    let put_bytes = (data.keys.key_bytes() + data.values.value_bytes()).max(1) as u64;
    // A transaction may write a key only once.
    let at_once = TXN_PUTS
        .min(TXN_BYTES / put_bytes)
        .clamp(1, data.keys.count());
    let txns = (0..puts).step_by(at_once as usize).map(|from| {
        let to = puts.min(from + at_once);
        let put = |number| {
            let key = data.keys.key(number % data.keys.count());
            put(key, data.values.pick(&mut rng))
        };
        TxnRequest {
            success: (from..to).map(put).collect(),
            ..TxnRequest::default()
        }
    });
    let sent = txns.map(|txn| async {
        if stop.is_set() {
            return Err(Interrupted.into());
        }
        let answer = client.kv.clone().txn(txn).await;
        answer.context("cannot write the keys").map(drop)
    });
    stream::iter(sent)
        .buffer_unordered(TXNS_IN_FLIGHT)
        .try_collect::<()>()
        .await
}

/// Fails if a run that reads would find fewer keys than it asks for.
pub async fn check(client: &Client, data: &Data) -> Result<()> {
    let request = RangeRequest {
        key: data.keys.prefix(),
        range_end: data.keys.prefix_end(),
        count_only: true,
        ..RangeRequest::default()
    };
    let answer = client.kv.clone().range(client.request(request)).await;
    let found = answer.context("cannot count the keys")?.into_inner().count;
    if found >= data.keys.count() as i64 {
        return Ok(());
    }
    Err(UsageError::new(format!(
        "{} holds {found} of the {} keys to read under {:?}: add --prefill to write them first",
        client.url(),
        data.keys.count(),
        String::from_utf8_lossy(&data.keys.prefix()),
    ))
    .into())
}

fn put(key: Bytes, value: Bytes) -> RequestOp {
    RequestOp {
        request: Some(Request::RequestPut(PutRequest {
            key,
            value,
            ..PutRequest::default()
        })),
    }
}
