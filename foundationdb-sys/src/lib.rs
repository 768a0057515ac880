//! FoundationDB's C API, found when the program runs and not when it is built.
//!
//! Stands in for the crate of the same name: the same types, constants and functions, as far as
//! the `foundationdb` crate uses them with its feature `fdb-7_3`. The original is linked against
//! `libfdb_c` and made by bindgen, so that a build needs FoundationDB and libclang and the program
//! does not even start without the library. Here [`load`] opens the library, once and for good;
//! it must have succeeded before anything else of this crate is called.
//!
//! Names and layouts are those of `fdb_c.h`, which documents the functions.
#![allow(non_camel_case_types, non_snake_case, non_upper_case_globals)]
// Theirs, not ours.
#![allow(clippy::too_many_arguments)]

mod options;
mod types;

pub use options::*;
pub use types::*;

use libloading::Library;
use std::ffi::{c_char, c_int, c_void};
use std::path::Path;
use std::sync::OnceLock;

/// The API version that the types of this crate are of.
pub const FDB_API_VERSION: u32 = 730;

/// The library's name where nobody says where it is; the system's loader finds it.
pub const LIBRARY_NAME: &str = "libfdb_c.so";

/// Keeps or drops code by API version, which here is 730.
#[macro_export]
macro_rules! if_cfg_api_versions {
    (min = 510, max = 600 => {$($then:tt)*} else {$($else:tt)*}) => {{ $($else)* }};
    (min = 510, max = 600 => $($then:tt)*) => {};
    (min = $min:tt => {$($then:tt)*} else {$($else:tt)*}) => {{ $($then)* }};
    (min = $min:tt => $($then:tt)*) => { $($then)* };
}

/// Why the client library cannot be used.
#[derive(Debug)]
pub enum LoadError {
    /// It is not there, or is no library of this machine.
    Open(libloading::Error),
    /// It lacks a function: it is older than 7.1, or something else altogether.
    Function(&'static str),
}

impl std::fmt::Display for LoadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Open(error) => error.fmt(f),
            Self::Function(name) => write!(f, "it has no function {name}"),
        }
    }
}

impl std::error::Error for LoadError {}

static API: OnceLock<Api> = OnceLock::new();

/// Opens the client library at `path`, or the one the system finds, unless one is open already.
///
/// # Safety
///
/// The library's initialization code runs; what is opened must be FoundationDB's client.
pub unsafe fn load(path: Option<&Path>) -> Result<(), LoadError> {
    if API.get().is_some() {
        return Ok(());
    }
    let name = path.map_or(LIBRARY_NAME.as_ref(), Path::as_os_str);
    // SAFETY: the caller vouches for the library.
    let library = unsafe { Library::new(name) }.map_err(LoadError::Open)?;
    // SAFETY: the signatures below are those of fdb_c.h.
    let api = unsafe { Api::resolve(&library) }?;
    // Its network thread may run until the process ends, so it is never closed.
    std::mem::forget(library);
    // Whoever was first has opened the same library.
    let _ = API.set(api);
    Ok(())
}

fn api() -> &'static Api {
    API.get()
        .expect("foundationdb_sys::load has not been called, or has failed")
}

/// Declares the functions: a table of pointers, its resolution, and a function for each.
macro_rules! functions {
    ($(fn $name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $answer:ty)?;)*) => {
        struct Api {
            $($name: unsafe extern "C" fn($($type),*) $(-> $answer)?,)*
            select_api_version: SelectApiVersion,
            get_client_status: Option<GetClientStatus>,
        }

        impl Api {
            /// # Safety
            ///
            /// The library's functions must have the signatures declared here.
            unsafe fn resolve(library: &Library) -> Result<Self, LoadError> {
                Ok(Self {
                    $($name: *unsafe { library.get(concat!(stringify!($name), "\0")) }
                        .map_err(|_| LoadError::Function(stringify!($name)))?,)*
                    select_api_version: *unsafe { library.get("fdb_select_api_version_impl\0") }
                        .map_err(|_| LoadError::Function("fdb_select_api_version_impl"))?,
                    get_client_status: unsafe { library.get("fdb_database_get_client_status\0") }
                        .map(|function| *function)
                        .ok(),
                })
            }
        }

        $(
            #[doc = concat!("`", stringify!($name), "` of `fdb_c.h`.")]
            ///
            /// # Safety
            ///
            /// As there; [`load`] must have succeeded.
            pub unsafe fn $name($($argument: $type),*) $(-> $answer)? {
                unsafe { (api().$name)($($argument),*) }
            }
        )*
    };
}

functions! {
    fn fdb_get_max_api_version() -> c_int;
    fn fdb_get_error(code: fdb_error_t) -> *const c_char;
    fn fdb_error_predicate(predicate: c_int, code: fdb_error_t) -> fdb_bool_t;

    fn fdb_network_set_option(
        option: FDBNetworkOption, value: *const u8, value_length: c_int,
    ) -> fdb_error_t;
    fn fdb_setup_network() -> fdb_error_t;
    fn fdb_run_network() -> fdb_error_t;
    fn fdb_stop_network() -> fdb_error_t;

    fn fdb_create_database(
        cluster_file_path: *const c_char, database: *mut *mut FDBDatabase,
    ) -> fdb_error_t;
    fn fdb_database_destroy(database: *mut FDBDatabase);
    fn fdb_database_set_option(
        database: *mut FDBDatabase, option: FDBDatabaseOption, value: *const u8,
        value_length: c_int,
    ) -> fdb_error_t;
    fn fdb_database_create_transaction(
        database: *mut FDBDatabase, transaction: *mut *mut FDBTransaction,
    ) -> fdb_error_t;
    fn fdb_database_get_main_thread_busyness(database: *mut FDBDatabase) -> f64;

    fn fdb_future_destroy(future: *mut FDBFuture);
    fn fdb_future_is_ready(future: *mut FDBFuture) -> fdb_bool_t;
    fn fdb_future_set_callback(
        future: *mut FDBFuture, callback: FDBCallback, parameter: *mut c_void,
    ) -> fdb_error_t;
    fn fdb_future_get_error(future: *mut FDBFuture) -> fdb_error_t;
    fn fdb_future_get_int64(future: *mut FDBFuture, value: *mut i64) -> fdb_error_t;
    fn fdb_future_get_key(
        future: *mut FDBFuture, key: *mut *const u8, key_length: *mut c_int,
    ) -> fdb_error_t;
    fn fdb_future_get_value(
        future: *mut FDBFuture, present: *mut fdb_bool_t, value: *mut *const u8,
        value_length: *mut c_int,
    ) -> fdb_error_t;
    fn fdb_future_get_keyvalue_array(
        future: *mut FDBFuture, items: *mut *const FDBKeyValue, count: *mut c_int,
        more: *mut fdb_bool_t,
    ) -> fdb_error_t;
    fn fdb_future_get_mappedkeyvalue_array(
        future: *mut FDBFuture, items: *mut *const FDBMappedKeyValue, count: *mut c_int,
        more: *mut fdb_bool_t,
    ) -> fdb_error_t;
    fn fdb_future_get_key_array(
        future: *mut FDBFuture, keys: *mut *const FDBKey, count: *mut c_int,
    ) -> fdb_error_t;
    fn fdb_future_get_string_array(
        future: *mut FDBFuture, strings: *mut *mut *const c_char, count: *mut c_int,
    ) -> fdb_error_t;

    fn fdb_transaction_destroy(transaction: *mut FDBTransaction);
    fn fdb_transaction_cancel(transaction: *mut FDBTransaction);
    fn fdb_transaction_reset(transaction: *mut FDBTransaction);
    fn fdb_transaction_set_option(
        transaction: *mut FDBTransaction, option: FDBTransactionOption, value: *const u8,
        value_length: c_int,
    ) -> fdb_error_t;
    fn fdb_transaction_set_read_version(transaction: *mut FDBTransaction, version: i64);
    fn fdb_transaction_get_read_version(transaction: *mut FDBTransaction) -> *mut FDBFuture;
    fn fdb_transaction_get(
        transaction: *mut FDBTransaction, key: *const u8, key_length: c_int, snapshot: fdb_bool_t,
    ) -> *mut FDBFuture;
    fn fdb_transaction_get_key(
        transaction: *mut FDBTransaction, key: *const u8, key_length: c_int,
        or_equal: fdb_bool_t, offset: c_int, snapshot: fdb_bool_t,
    ) -> *mut FDBFuture;
    fn fdb_transaction_get_addresses_for_key(
        transaction: *mut FDBTransaction, key: *const u8, key_length: c_int,
    ) -> *mut FDBFuture;
    fn fdb_transaction_get_range(
        transaction: *mut FDBTransaction,
        begin: *const u8, begin_length: c_int, begin_or_equal: fdb_bool_t, begin_offset: c_int,
        end: *const u8, end_length: c_int, end_or_equal: fdb_bool_t, end_offset: c_int,
        limit: c_int, target_bytes: c_int, mode: FDBStreamingMode, iteration: c_int,
        snapshot: fdb_bool_t, reverse: fdb_bool_t,
    ) -> *mut FDBFuture;
    fn fdb_transaction_get_mapped_range(
        transaction: *mut FDBTransaction,
        begin: *const u8, begin_length: c_int, begin_or_equal: fdb_bool_t, begin_offset: c_int,
        end: *const u8, end_length: c_int, end_or_equal: fdb_bool_t, end_offset: c_int,
        mapper: *const u8, mapper_length: c_int,
        limit: c_int, target_bytes: c_int, mode: FDBStreamingMode, iteration: c_int,
        snapshot: fdb_bool_t, reverse: fdb_bool_t,
    ) -> *mut FDBFuture;
    fn fdb_transaction_get_estimated_range_size_bytes(
        transaction: *mut FDBTransaction, begin: *const u8, begin_length: c_int,
        end: *const u8, end_length: c_int,
    ) -> *mut FDBFuture;
    fn fdb_transaction_get_range_split_points(
        transaction: *mut FDBTransaction, begin: *const u8, begin_length: c_int,
        end: *const u8, end_length: c_int, chunk_size: i64,
    ) -> *mut FDBFuture;
    fn fdb_transaction_set(
        transaction: *mut FDBTransaction, key: *const u8, key_length: c_int,
        value: *const u8, value_length: c_int,
    );
    fn fdb_transaction_atomic_op(
        transaction: *mut FDBTransaction, key: *const u8, key_length: c_int,
        parameter: *const u8, parameter_length: c_int, operation: FDBMutationType,
    );
    fn fdb_transaction_clear(
        transaction: *mut FDBTransaction, key: *const u8, key_length: c_int,
    );
    fn fdb_transaction_clear_range(
        transaction: *mut FDBTransaction, begin: *const u8, begin_length: c_int,
        end: *const u8, end_length: c_int,
    );
    fn fdb_transaction_watch(
        transaction: *mut FDBTransaction, key: *const u8, key_length: c_int,
    ) -> *mut FDBFuture;
    fn fdb_transaction_add_conflict_range(
        transaction: *mut FDBTransaction, begin: *const u8, begin_length: c_int,
        end: *const u8, end_length: c_int, kind: FDBConflictRangeType,
    ) -> fdb_error_t;
    fn fdb_transaction_commit(transaction: *mut FDBTransaction) -> *mut FDBFuture;
    fn fdb_transaction_get_committed_version(
        transaction: *mut FDBTransaction, version: *mut i64,
    ) -> fdb_error_t;
    fn fdb_transaction_get_approximate_size(transaction: *mut FDBTransaction) -> *mut FDBFuture;
    fn fdb_transaction_get_versionstamp(transaction: *mut FDBTransaction) -> *mut FDBFuture;
    fn fdb_transaction_on_error(
        transaction: *mut FDBTransaction, error: fdb_error_t,
    ) -> *mut FDBFuture;
}

type SelectApiVersion = unsafe extern "C" fn(c_int, c_int) -> fdb_error_t;

/// `fdb_select_api_version_impl` of `fdb_c.h`. A library refuses headers newer than itself; what
/// is declared here is the same in theirs, so it is told of its own.
///
/// # Safety
///
/// As there; [`load`] must have succeeded.
pub unsafe fn fdb_select_api_version_impl(
    runtime_version: c_int,
    header_version: c_int,
) -> fdb_error_t {
    let newest = unsafe { fdb_get_max_api_version() };
    unsafe { (api().select_api_version)(runtime_version, header_version.min(newest)) }
}

type GetClientStatus = unsafe extern "C" fn(*mut FDBDatabase) -> *mut FDBFuture;

/// `fdb_database_get_client_status` of `fdb_c.h`, which came with 7.3.
///
/// # Safety
///
/// As there; [`load`] must have succeeded. Panics with an older library.
pub unsafe fn fdb_database_get_client_status(database: *mut FDBDatabase) -> *mut FDBFuture {
    let function = api().get_client_status;
    let function = function.expect("the client library is older than 7.3");
    unsafe { function(database) }
}
