//! GEM Live's command line: arguments in, one call out.

mod cli;

fn main() -> std::process::ExitCode {
    cli::run()
}
