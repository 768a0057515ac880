//! `kvtool`, with every verb.

fn main() -> std::process::ExitCode {
    kvtool::cli::main()
}
