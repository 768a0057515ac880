//! How a command ends: its sentence on stderr and its exit code.

use super::{client::ConnectError, endpoint::chain};
use crate::error::{self, EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_UNAVAILABLE, EXIT_USAGE};
use std::{error::Error as StdError, io, process::ExitCode};
use tonic::{Code, Status, TimeoutExpired};

/// The exit codes, for the help of every verb.
pub const EXIT_CODES_HELP: &str = "\
Exit codes:
  0    done
  1    failed for another reason
  2    wrong flags, arguments or request
  3    no server could be reached, or it cannot serve now
  4    the server refused: compacted, missing, forbidden or not supported
  5    the data is damaged, or of a newer format
  130  interrupted";

/// What was asked for makes no sense; nothing was sent.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(String);

impl UsageError {
    /// A usage error with its sentence.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

/// The user pressed Ctrl-C.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

/// Ends a command: prints what failed and answers with its exit code.
pub(super) fn report(result: anyhow::Result<()>) -> ExitCode {
    let Err(error) = result else {
        return ExitCode::SUCCESS;
    };
    let code = exit_code(&error);
    if code != 0 {
        eprintln!("kvtool: {}", sentence(&error));
    }
    ExitCode::from(code)
}

/// The first cause with a meaning decides.
fn exit_code(error: &anyhow::Error) -> u8 {
    error.chain().find_map(code_of).unwrap_or(EXIT_FAILURE)
}

fn code_of(cause: &(dyn StdError + 'static)) -> Option<u8> {
    if let Some(error) = cause.downcast_ref::<io::Error>() {
        // Whoever read our output has seen enough: that is no failure.
        return (error.kind() == io::ErrorKind::BrokenPipe).then_some(0);
    }
    if let Some(status) = cause.downcast_ref::<Status>() {
        return Some(if broken_connection(status) || timed_out(status) {
            EXIT_UNAVAILABLE
        } else {
            error::exit_code(status.code())
        });
    }
    if let Some(error) = cause.downcast_ref::<error::Error>() {
        return Some(error.exit_code());
    }
    if cause.is::<UsageError>() {
        return Some(EXIT_USAGE);
    }
    if cause.is::<ConnectError>() {
        return Some(EXIT_UNAVAILABLE);
    }
    cause.is::<Interrupted>().then_some(EXIT_INTERRUPTED)
}

/// All causes in one line; a gRPC status shows its message and not its wrapping.
pub(super) fn sentence(error: &anyhow::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    for cause in error.chain() {
        if let Some(status) = cause.downcast_ref::<Status>() {
            parts.push(status_sentence(status));
            break;
        }
        parts.push(cause.to_string());
    }
    parts.join(": ")
}

/// What a gRPC status says to a person.
pub fn status_sentence(status: &Status) -> String {
    if broken_connection(status) {
        let cause = status
            .source()
            .map_or_else(|| status.message().to_owned(), chain);
        return format!(
            "the connection broke ({cause}): check that the server runs, and whether it expects https"
        );
    }
    if timed_out(status) {
        return "no answer in time: the server is busy or stuck, see --command-timeout".to_owned();
    }
    match status.code() {
        Code::Unimplemented => format!("the server does not offer this: {}", status.message()),
        _ if status.message().ends_with("user name is empty") => {
            format!(
                "the server wants a login, see --user ({})",
                status.message()
            )
        }
        code if status.message().is_empty() => format!("the server answered {code}"),
        _ => status.message().to_owned(),
    }
}

/// Whether the transport failed, and not the server's work.
pub fn broken_connection(status: &Status) -> bool {
    // What a server answers comes without a cause.
    status.source().is_some() && !timed_out(status)
}

/// Whether nobody answered in time. A deadline that passes on this side is reported as Cancelled.
fn timed_out(status: &Status) -> bool {
    let mut cause = status.source();
    while let Some(error) = cause {
        if error.is::<TimeoutExpired>() {
            return true;
        }
        cause = error.source();
    }
    status.code() == Code::DeadlineExceeded
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use anyhow::{Context, anyhow};

    fn code(error: impl Into<anyhow::Error>) -> u8 {
        exit_code(&error.into())
    }

    #[test]
    fn the_cause_decides_the_code_however_deep_it_is() {
        let status = Err::<(), _>(Status::out_of_range("etcdserver: mvcc: compacted"));
        let error = status.context("reading").context("dump").unwrap_err();
        assert_eq!(exit_code(&error), error::EXIT_REFUSED);
        assert_eq!(
            sentence(&error),
            "dump: reading: etcdserver: mvcc: compacted"
        );
        assert_eq!(code(UsageError::new("x")), EXIT_USAGE);
        assert_eq!(code(Interrupted), EXIT_INTERRUPTED);
        assert_eq!(code(error::Error::Corrupt), error::EXIT_DATA);
        assert_eq!(code(anyhow!("x")), EXIT_FAILURE);
    }

    #[test]
    fn a_reader_that_left_is_no_failure_but_other_io_errors_are() {
        assert_eq!(code(io::Error::from(io::ErrorKind::BrokenPipe)), 0);
        assert_eq!(
            code(io::Error::from(io::ErrorKind::StorageFull)),
            EXIT_FAILURE
        );
    }

    #[test]
    fn an_empty_status_still_says_something() {
        assert!(status_sentence(&Status::new(Code::Internal, "")).contains("nternal"));
    }
}
