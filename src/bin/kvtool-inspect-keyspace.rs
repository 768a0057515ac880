//! `kvtool-inspect-keyspace`: `kvtool inspect-keyspace` as a program of its own.

fn main() -> std::process::ExitCode {
    kvtool::cli::main_for("kvtool-inspect-keyspace")
}
