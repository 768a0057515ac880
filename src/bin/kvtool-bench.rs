//! `kvtool-bench`, the verb `bench` as a program of its own.

fn main() -> std::process::ExitCode {
    kvtool::cli::main_for("kvtool-bench")
}
