//! A small keyspace: what one etcd would answer, doing one thing at a time.

use super::history::{Request, Response, covers};
use bytes::Bytes;
use kvtool::pb::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use kvtool::pb::etcdserverpb::request_op::Request as OpRequest;
use kvtool::pb::etcdserverpb::response_op::Response as OpResponse;
use kvtool::pb::etcdserverpb::*;
use kvtool::pb::mvccpb::{Event, KeyValue, event::EventType};
use std::collections::BTreeMap;

/// A keyspace at a revision.
#[derive(Debug, Clone)]
pub struct Model {
    revision: i64,
    live: BTreeMap<Bytes, KeyValue>,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            revision: 1,
            live: BTreeMap::new(),
        }
    }
}

impl Model {
    /// Where it is.
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// The live keys, in order.
    pub fn live(&self) -> Vec<KeyValue> {
        self.live.values().cloned().collect()
    }

    /// Does a request: the answer, and what a watcher of everything sees.
    pub fn execute(&mut self, request: &Request) -> (Response, Vec<Event>) {
        let mut events = Vec::new();
        let mut response = match request {
            Request::Put(request) => Response::Put(self.put(request, &mut events)),
            Request::Delete(request) => Response::Delete(self.delete(request, &mut events)),
            Request::Range(request) => Response::Range(self.range(request)),
            Request::Revoke(request) => {
                let leased = self.live.values().filter(|kv| kv.lease == request.id);
                for key in Vec::from_iter(leased.map(|kv| kv.key.clone())) {
                    self.delete_key(&key, &mut events);
                }
                Response::Revoke
            }
            Request::Txn(request) => {
                let succeeded = request.compare.iter().all(|one| self.holds(one));
                let branch = if succeeded {
                    &request.success
                } else {
                    &request.failure
                };
                let operation = |operation: &RequestOp| ResponseOp {
                    response: Some(match &operation.request {
                        Some(OpRequest::RequestPut(request)) => {
                            OpResponse::ResponsePut(self.put(request, &mut events))
                        }
                        Some(OpRequest::RequestDeleteRange(request)) => {
                            OpResponse::ResponseDeleteRange(self.delete(request, &mut events))
                        }
                        Some(OpRequest::RequestRange(request)) => {
                            OpResponse::ResponseRange(self.range(request))
                        }
                        other => panic!("not an operation of a flat transaction: {other:?}"),
                    }),
                };
                Response::Txn(TxnResponse {
                    header: None,
                    succeeded,
                    responses: branch.iter().map(operation).collect(),
                })
            }
        };
        if !events.is_empty() {
            self.revision += 1;
        }
        let header = Some(ResponseHeader {
            revision: self.revision,
            ..ResponseHeader::default()
        });
        match &mut response {
            Response::Put(answer) => answer.header = header,
            Response::Delete(answer) => answer.header = header,
            Response::Txn(answer) => answer.header = header,
            Response::Range(answer) => answer.header = header,
            Response::Revoke => {}
        }
        (response, events)
    }

    fn put(&mut self, request: &PutRequest, events: &mut Vec<Event>) -> PutResponse {
        let revision = self.revision + 1;
        let previous = self.live.get(&request.key).cloned();
        let kv = KeyValue {
            key: request.key.clone(),
            value: request.value.clone(),
            lease: request.lease,
            mod_revision: revision,
            create_revision: previous.as_ref().map_or(revision, |kv| kv.create_revision),
            version: previous.as_ref().map_or(0, |kv| kv.version) + 1,
        };
        self.live.insert(request.key.clone(), kv.clone());
        events.push(Event {
            r#type: EventType::Put as i32,
            kv: Some(kv),
            prev_kv: previous.clone(),
        });
        PutResponse {
            header: None,
            prev_kv: previous.filter(|_| request.prev_kv),
        }
    }

    fn delete(
        &mut self,
        request: &DeleteRangeRequest,
        events: &mut Vec<Event>,
    ) -> DeleteRangeResponse {
        let keys = self.keys(&request.key, &request.range_end);
        let previous = keys.iter().map(|key| self.delete_key(key, events));
        let previous = Vec::from_iter(previous);
        DeleteRangeResponse {
            header: None,
            deleted: previous.len() as i64,
            prev_kvs: if request.prev_kv {
                previous
            } else {
                Vec::new()
            },
        }
    }

    fn delete_key(&mut self, key: &Bytes, events: &mut Vec<Event>) -> KeyValue {
        let previous = self.live.remove(key).expect("only live keys are deleted");
        events.push(Event {
            r#type: EventType::Delete as i32,
            kv: Some(KeyValue {
                key: key.clone(),
                mod_revision: self.revision + 1,
                ..KeyValue::default()
            }),
            prev_kv: Some(previous.clone()),
        });
        previous
    }

    fn range(&self, request: &RangeRequest) -> RangeResponse {
        let keys = self.keys(&request.key, &request.range_end);
        RangeResponse {
            header: None,
            count: keys.len() as i64,
            more: false,
            kvs: keys.iter().map(|key| self.live[key].clone()).collect(),
        }
    }

    fn keys(&self, key: &Bytes, range_end: &Bytes) -> Vec<Bytes> {
        let covered = self.live.keys().filter(|live| covers(key, range_end, live));
        covered.cloned().collect()
    }

    fn holds(&self, compare: &Compare) -> bool {
        let kv = self.live.get(&compare.key);
        let number = |of: fn(&KeyValue) -> i64| kv.map_or(0, of);
        let order = match (compare.target(), &compare.target_union) {
            (CompareTarget::Version, Some(TargetUnion::Version(than))) => {
                number(|kv| kv.version).cmp(than)
            }
            (CompareTarget::Create, Some(TargetUnion::CreateRevision(than))) => {
                number(|kv| kv.create_revision).cmp(than)
            }
            (CompareTarget::Mod, Some(TargetUnion::ModRevision(than))) => {
                number(|kv| kv.mod_revision).cmp(than)
            }
            (CompareTarget::Value, Some(TargetUnion::Value(than))) => match kv {
                Some(kv) => kv.value.cmp(than),
                None => return false,
            },
            other => panic!("the model does not know {other:?}"),
        };
        match compare.result() {
            CompareResult::Equal => order.is_eq(),
            CompareResult::NotEqual => order.is_ne(),
            CompareResult::Greater => order.is_gt(),
            CompareResult::Less => order.is_lt(),
        }
    }
}
