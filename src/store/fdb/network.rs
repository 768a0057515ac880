//! The client library and its network thread: one of each in a process, for as long as it lives.
#![allow(unsafe_code)]

use super::Options;
use crate::store::StoreError;
use foundationdb::api::{FdbApiBuilder, NetworkAutoStop};
use foundationdb::options::NetworkOption;
use foundationdb_sys::{FDB_API_VERSION, LIBRARY_NAME};
use parking_lot::Mutex;

/// The oldest client library that has all we call.
const OLDEST_API_VERSION: i32 = 710;

static NETWORK: Mutex<Option<NetworkAutoStop>> = Mutex::new(None);

unsafe extern "C" {
    fn atexit(function: extern "C" fn()) -> std::ffi::c_int;
}

/// The library's own destructors must find its thread stopped.
extern "C" fn stop() {
    drop(NETWORK.lock().take());
}

/// Loads the library and starts its thread, unless a call before this one did; the options of
/// the first call hold for the process.
pub(super) fn start(options: &Options) -> Result<(), StoreError> {
    let mut network = NETWORK.lock();
    if network.is_some() {
        return Ok(());
    }
    let library = options.library.as_deref();
    // SAFETY: it is the library that the operator named as FoundationDB's.
    unsafe { foundationdb_sys::load(library) }.map_err(|error| {
        let name = library.map_or(LIBRARY_NAME.into(), |path| path.display().to_string());
        fatal(format!(
            "FoundationDB's client library {name} cannot be loaded ({error}): install FoundationDB's \
             client package, 7.1 or later, or name the library with --fdb-client-library"
        ))
    })?;
    let newest = foundationdb::api::get_max_api_version();
    if newest < OLDEST_API_VERSION {
        return Err(fatal(format!(
            "FoundationDB's client library is too old (its API ends at {newest}, {OLDEST_API_VERSION} \
             is needed): install version 7.1 or later"
        )));
    }
    let version = newest.min(FDB_API_VERSION as i32);
    let refused = |what: &'static str| {
        move |error: foundationdb::FdbError| {
            fatal(format!(
                "FoundationDB's client library refuses {what}: {error}"
            ))
        }
    };
    let mut builder = FdbApiBuilder::default()
        .set_runtime_version(version)
        .build()
        .map_err(refused("its API version"))?;
    for (what, option) in network_options(options) {
        builder = builder.set_option(option).map_err(refused(what))?;
    }
    // SAFETY: `stop` runs before the process ends, or the process is aborted.
    let started = unsafe { builder.boot() }.map_err(refused("to start its network"))?;
    *network = Some(started);
    // SAFETY: `stop` neither unwinds nor calls exit. Registered after the library was loaded, it
    // runs before the library's destructors. It cannot be refused: 32 places are guaranteed.
    unsafe { atexit(stop) };
    Ok(())
}

fn network_options(options: &Options) -> Vec<(&'static str, NetworkOption)> {
    let path = |path: &Option<std::path::PathBuf>| {
        path.as_ref()
            .map(|path| path.to_string_lossy().into_owned())
    };
    let tls = &options.tls;
    let named = [
        (
            "the TLS certificate",
            path(&tls.certificate_file).map(NetworkOption::TLSCertPath),
        ),
        (
            "the TLS key",
            path(&tls.key_file).map(NetworkOption::TLSKeyPath),
        ),
        (
            "the TLS authorities",
            path(&tls.ca_file).map(NetworkOption::TLSCaPath),
        ),
        (
            "the TLS verification rule",
            tls.verify_peers
                .clone()
                .map(|rule| NetworkOption::TLSVerifyPeers(rule.into_bytes())),
        ),
        (
            "the trace directory",
            path(&options.trace_dir).map(NetworkOption::TraceEnable),
        ),
        (
            "the directory of external clients",
            path(&options.external_client_dir).map(NetworkOption::ExternalClientDirectory),
        ),
    ];
    let given = named.into_iter();
    given
        .filter_map(|(what, option)| Some((what, option?)))
        .collect()
}

fn fatal(sentence: String) -> StoreError {
    StoreError::Fatal(sentence.into())
}
