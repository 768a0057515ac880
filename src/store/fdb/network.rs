//! The client library and its network thread: one of each in a process, for as long as it lives.
#![allow(unsafe_code)]

use super::Options;
use crate::store::StoreError;
use foundationdb::api::{FdbApiBuilder, NetworkStop};
use foundationdb::options::NetworkOption;
use foundationdb_sys::LIBRARY_NAME;
use parking_lot::Mutex;
use std::thread::JoinHandle;

/// The API as we call it: that of the oldest client library which has all of it. Newer libraries
/// speak it too, and one that has older ones beside it, for clusters that are being upgraded, may
/// speak nothing newer.
const API_VERSION: i32 = 710;

static NETWORK: Mutex<Option<Network>> = Mutex::new(None);

/// The thread that all callbacks come from.
struct Network {
    stop: NetworkStop,
    thread: JoinHandle<()>,
}

unsafe extern "C" {
    fn atexit(function: extern "C" fn()) -> std::ffi::c_int;
}

/// Stops the thread, if there is one; the library is of no use from then on.
pub(super) extern "C" fn stop() {
    let Some(network) = NETWORK.lock().take() else {
        return;
    };
    if network.stop.stop().is_ok() {
        let _ = network.thread.join();
    }
}

/// Stops the thread when the process ends: the library's own destructors must find it stopped.
/// They run in the reverse order of their registration, and some are registered while the
/// library works; so this is called again whenever a store is given up. Who can, calls `stop`.
pub(super) fn stop_at_exit() {
    // SAFETY: `stop` neither unwinds nor calls exit, and may run more than once. If it cannot be
    // registered, the process ends without it, as it does when it is killed.
    unsafe { atexit(stop) };
}

/// Loads the library and starts its thread, unless a call before this one did; the options of
/// the first call hold for the process.
pub(super) fn start(options: &Options) -> Result<(), StoreError> {
    let mut network = NETWORK.lock();
    if network.is_some() {
        return Ok(());
    }
    check_paths(options)?;
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
    if newest < API_VERSION {
        return Err(fatal(format!(
            "FoundationDB's client library is too old (its API ends at {newest}, {API_VERSION} \
             is needed): install version 7.1 or later"
        )));
    }
    let refused = |what: &'static str| {
        move |error: foundationdb::FdbError| {
            fatal(format!(
                "FoundationDB's client library refuses {what}: {error}"
            ))
        }
    };
    let mut builder = FdbApiBuilder::default()
        .set_runtime_version(API_VERSION)
        .build()
        .map_err(refused("its API version"))?;
    for (what, option) in network_options(options) {
        builder = builder.set_option(option).map_err(refused(what))?;
    }
    let (runner, running) = builder.build().map_err(refused("to set up its network"))?;
    let thread = std::thread::Builder::new().name("kvtool-fdb".into());
    let thread = thread.spawn(move || {
        // SAFETY: `stop` runs before the process ends, or the process is killed.
        if let Err(error) = unsafe { runner.run() } {
            tracing::error!(%error, "FoundationDB's network thread has ended");
        }
    });
    let thread = thread.map_err(|error| fatal(format!("cannot start a thread: {error}")))?;
    *network = Some(Network {
        stop: running.wait(),
        thread,
    });
    stop_at_exit();
    Ok(())
}

/// The library itself would go on without what it cannot read, and say so in a language of its own.
fn check_paths(options: &Options) -> Result<(), StoreError> {
    let tls = &options.tls;
    let files = [
        ("--fdb-tls-certificate-file", &tls.certificate_file),
        ("--fdb-tls-key-file", &tls.key_file),
        ("--fdb-tls-ca-file", &tls.ca_file),
    ];
    for (flag, path) in files {
        if let Some(path) = path
            && let Err(error) = std::fs::File::open(path)
        {
            let path = path.display();
            return Err(fatal(format!("{flag} {path} cannot be read ({error})")));
        }
    }
    let directories = [
        ("--fdb-trace-dir", &options.trace_dir),
        ("--fdb-external-client-dir", &options.external_client_dir),
    ];
    for (flag, path) in directories {
        if let Some(path) = path
            && !path.is_dir()
        {
            return Err(fatal(format!("{flag} {} is no directory", path.display())));
        }
    }
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
