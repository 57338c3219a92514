//! Why a recording could not start.

use crate::formats::folder_lock::LockError;
use std::path::PathBuf;

/// Why a recording could not start.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The system cannot start a thread, create the folder or report the free space.
    #[error("cannot record to {0}: {1}")]
    Io(PathBuf, std::io::Error),
    /// The folder holds a recording.
    #[error("{0} already holds a recording: choose another folder")]
    Taken(PathBuf),
    /// The folder holds something else: its path, and the name of a file in it.
    #[error("{0} is not empty, it contains {1}: choose another folder")]
    NotEmpty(PathBuf, String),
    /// Another program writes into the folder.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// There is too little free space.
    #[error("{path} has {free_mib} MiB free and {reserve_mib} MiB must stay free: free some space")]
    Full {
        /// The folder.
        path: PathBuf,
        /// Free space in MiB.
        free_mib: u64,
        /// Space that must stay free in MiB.
        reserve_mib: u64,
    },
}
