//! `kvtool serve` as a program of its own.

fn main() -> std::process::ExitCode {
    kvtool::cli::main_for("kvtool-serve")
}
