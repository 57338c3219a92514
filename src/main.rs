//! GEM Live's command line: parses the arguments and runs one subcommand.

mod cli;

fn main() -> std::process::ExitCode {
    cli::run()
}
