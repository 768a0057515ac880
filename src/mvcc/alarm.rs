//! Alarms: what a server has raised about its keyspace, until an operator clears it.

use crate::error::{Error, Result};
use crate::mvcc::scratch::Scratch;
use crate::pb::etcdserverpb::alarm_request::AlarmAction;
use crate::pb::etcdserverpb::{AlarmMember, AlarmRequest, AlarmResponse, AlarmType};
use bytes::{Buf, BufMut, Bytes, BytesMut};

/// The name of the alarms' metadata record.
pub const META: &str = "alarms";

/// Reads the record of all raised alarms.
pub fn decode(record: Option<Bytes>) -> Result<Vec<AlarmMember>> {
    let mut record = record.unwrap_or_default();
    if !record.len().is_multiple_of(12) {
        return Err(Error::CorruptRecord {
            subspace: 'm',
            detail: "alarms of a wrong length",
        });
    }
    let mut alarms = Vec::with_capacity(record.len() / 12);
    while record.has_remaining() {
        let alarm = record.get_i32();
        let member_id = record.get_u64();
        alarms.push(AlarmMember { member_id, alarm });
    }
    Ok(alarms)
}

/// The record of all raised alarms.
pub fn encode(alarms: &[AlarmMember]) -> Bytes {
    let mut out = BytesMut::with_capacity(alarms.len() * 12);
    for alarm in alarms {
        out.put_i32(alarm.alarm);
        out.put_u64(alarm.member_id);
    }
    out.freeze()
}

/// The alarms a GET request asks for; NONE asks for all.
pub fn matching(alarms: Vec<AlarmMember>, request: &AlarmRequest) -> Vec<AlarmMember> {
    let wanted = |alarm: &AlarmMember| {
        request.alarm == AlarmType::None as i32 || alarm.alarm == request.alarm
    };
    alarms.into_iter().filter(wanted).collect()
}

/// Raises or clears an alarm; answers the alarm if there was something to do.
pub async fn change(scratch: &mut Scratch, request: &AlarmRequest) -> Result<AlarmResponse> {
    let mut alarms = decode(scratch.meta(META).await?)?;
    let named = AlarmMember {
        member_id: request.member_id,
        alarm: request.alarm,
    };
    let place = alarms.iter().position(|alarm| *alarm == named);
    let mut response = AlarmResponse::default();
    match (AlarmAction::try_from(request.action), place) {
        (Ok(AlarmAction::Get), _) => response.alarms = matching(alarms.clone(), request),
        (Ok(AlarmAction::Activate), place) if request.alarm != AlarmType::None as i32 => {
            if place.is_none() {
                alarms.push(named);
                store(scratch, &alarms);
            }
            response.alarms.push(named);
        }
        (Ok(AlarmAction::Deactivate), Some(place)) => {
            alarms.remove(place);
            store(scratch, &alarms);
            response.alarms.push(named);
        }
        _ => {}
    }
    Ok(response)
}

fn store(scratch: &mut Scratch, alarms: &[AlarmMember]) {
    let raised = |kind: AlarmType| alarms.iter().any(|alarm| alarm.alarm == kind as i32);
    scratch.state.no_space = raised(AlarmType::Nospace);
    scratch.state.corrupt = raised(AlarmType::Corrupt);
    scratch.set_meta(META, encode(alarms));
}
