//! GEM Live's command line: parses the arguments and runs one subcommand.

#![cfg_attr(
    not(test),
    warn(
        clippy::disallowed_methods,
        clippy::disallowed_types,
        reason = "the list in clippy.toml has the reasons; tests may use these"
    )
)]

mod cli;

fn main() -> std::process::ExitCode {
    cli::run()
}
