//! Other programs that this one runs, such as ffmpeg.

use std::process::Command;

/// Ctrl-C in a terminal reaches all programs of a group. A program started like this has a group of its
/// own, so that what it works on can be finished.
pub(crate) fn without_ctrl_c(command: &mut Command) -> &mut Command {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    #[cfg(windows)]
    {
        const CREATE_NEW_PROCESS_GROUP: u32 = 0x200;
        std::os::windows::process::CommandExt::creation_flags(command, CREATE_NEW_PROCESS_GROUP);
    }
    command
}
