//! The types of `fdb_c.h`, with its layouts.

use std::ffi::{c_int, c_uint, c_void};

/// 0, or the number of an error.
pub type fdb_error_t = c_int;
/// 0 is false.
pub type fdb_bool_t = c_int;

pub type FDBNetworkOption = c_uint;
pub type FDBDatabaseOption = c_uint;
pub type FDBTransactionOption = c_uint;
pub type FDBMutationType = c_uint;
pub type FDBConflictRangeType = c_uint;
pub type FDBErrorPredicate = c_uint;
/// Signed, because two of its values are negative.
pub type FDBStreamingMode = c_int;

/// Called from the network thread when a future is ready.
pub type FDBCallback = Option<unsafe extern "C" fn(*mut FDBFuture, *mut c_void)>;

macro_rules! opaque {
    ($($(#[$doc:meta])* $name:ident)*) => {
        $(
            $(#[$doc])*
            #[repr(C)]
            #[derive(Debug)]
            pub struct $name {
                _private: [u8; 0],
            }
        )*
    };
}

opaque! {
    /// A database.
    FDBDatabase
    /// A transaction.
    FDBTransaction
    /// An answer to come.
    FDBFuture
}

/// A key that a future owns.
#[repr(C, packed(4))]
#[derive(Debug, Clone, Copy)]
pub struct FDBKey {
    pub key: *const u8,
    pub key_length: c_int,
}

/// A key and its value that a future owns.
#[repr(C, packed(4))]
#[derive(Debug, Clone, Copy)]
pub struct FDBKeyValue {
    pub key: *const u8,
    pub key_length: c_int,
    pub value: *const u8,
    pub value_length: c_int,
}

/// One end of a mapped range.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct FDBKeySelector {
    pub key: FDBKey,
    pub orEqual: fdb_bool_t,
    pub offset: c_int,
}

/// One range that a mapped range has read.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct FDBGetRangeReqAndResult {
    pub begin: FDBKeySelector,
    pub end: FDBKeySelector,
    pub data: *mut FDBKeyValue,
    pub m_size: c_int,
    pub m_capacity: c_int,
}

/// One item of a mapped range.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct FDBMappedKeyValue {
    pub key: FDBKey,
    pub value: FDBKey,
    pub getRange: FDBGetRangeReqAndResult,
    pub buffer: [u8; 32],
}

const _: () = {
    assert!(size_of::<FDBKey>() == 12);
    assert!(size_of::<FDBKeyValue>() == 24);
    assert!(size_of::<FDBMappedKeyValue>() == 112);
};
