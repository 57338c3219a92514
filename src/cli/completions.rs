//! `gem-live completions`: completion scripts for shells.

use super::failure::Failure;
use clap_complete::Shell;
use std::process::ExitCode;

/// Print the script that completes commands and options in a shell.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gem-live completions bash > ~/.local/share/bash-completion/completions/gem-live
  gem-live completions zsh > _gem-live        in a folder of zsh's $fpath
  gem-live completions fish > ~/.config/fish/completions/gem-live.fish")]
pub(crate) struct Completions {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    /// Prints the script for `command`, the whole command line.
    pub(super) fn run(&self, mut command: clap::Command) -> Result<ExitCode, Failure> {
        // Into memory first: the crate panics where it cannot write.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, gem_live::program::NAME, &mut script);
        // Version 4.6 writes the hyphen of the program's name in two ways in bash's script, so that no
        // subcommand is found.
        let script = String::from_utf8_lossy(&script).replace("gem__subcmd__live", "gem__live");
        print!("{script}");
        Ok(ExitCode::SUCCESS)
    }
}
