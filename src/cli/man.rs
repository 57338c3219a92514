//! `gem-live man`: manual pages, one per subcommand, for packages.

use super::failure::Failure;
use std::path::PathBuf;
use std::process::ExitCode;

/// Write the manual pages of the program and of its subcommands into a folder.
#[derive(clap::Args)]
#[command(after_help = "\
Example:
  gem-live man PAGES && man -l PAGES/gem-live-deblur.1")]
pub(crate) struct Man {
    /// Folder for the pages; it is made if it does not exist.
    folder: PathBuf,
}

impl Man {
    /// Writes the pages for `command`, the whole command line.
    pub(super) fn run(&self, command: clap::Command) -> Result<ExitCode, Failure> {
        let written = std::fs::create_dir_all(&self.folder)
            .and_then(|()| clap_mangen::generate_to(command, &self.folder));
        written.map_err(|e| format!("cannot write into {}: {e}", self.folder.display()))?;
        Ok(ExitCode::SUCCESS)
    }
}
