//! Bounds of searches for recordings: folders of the system, and trees of other files.

use std::path::Path;

/// Maximum number of files and folders beside recordings that a search looks at.
pub(super) const MAX_OTHERS: usize = 1 << 18;
/// Why a folder of the system is not searched.
pub(super) const SYSTEM: &str =
    "a folder of the system, which has no recordings: name the folder of the recording";
/// Why the search in a folder was ended.
pub(super) const LARGE: &str =
    "too many files and folders in it are no recordings: name the folder of the recording";

/// Whether a path, of which links were resolved, is in a file system of the kernel. Its folders are as
/// many as processes and devices, and their links lead everywhere.
pub(super) fn is_system(real: &Path) -> bool {
    let within = |folder: &&str| real.starts_with(folder);
    // The memory that programs share is a folder as others.
    cfg!(unix) && ["/proc", "/sys", "/dev"].iter().any(within) && !real.starts_with("/dev/shm")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn folders_of_the_kernel_are_known() {
        for path in ["/proc", "/proc/1/task", "/sys/class", "/dev", "/dev/input"] {
            assert!(is_system(Path::new(path)), "{path}");
        }
        for path in ["/", "/home/dev", "/processed", "/dev/shm/recording", "/data/proc"] {
            assert!(!is_system(Path::new(path)), "{path}");
        }
    }
}
