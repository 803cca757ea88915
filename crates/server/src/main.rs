//! The binary `aqueduct`.
fn main() -> std::process::ExitCode {
    server::cli::main()
}
