//! Why a configuration is refused.

use crate::formats::yaml::YamlError;
use std::path::PathBuf;

/// Why a YAML file is not a valid configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not YAML.
    #[error("not a YAML file: {0}")]
    Yaml(#[from] YamlError),
    /// The file cannot be read.
    #[error("{0}")]
    Read(#[from] std::io::Error),
    /// A file of another kind; what it is, and the command that accepts it.
    #[error("{0}")]
    Kind(String),
    /// Not a list of keys and values.
    #[error("not a list of keys and values")]
    Shape,
    /// A value of the wrong type.
    #[error("{key} must be {expected}, not {found}")]
    Value {
        /// The key.
        key: String,
        /// The expected type.
        expected: &'static str,
        /// The value in the file.
        found: String,
    },
    /// A setting that this network does not support.
    #[error("{0}")]
    Unsupported(String),
    /// No checkpoint for the stage and cycle.
    #[error("{}: no checkpoint named {prefix}*.ckpt", folder.display())]
    Checkpoint {
        /// The folder that was searched.
        folder: PathBuf,
        /// The required start of the file name.
        prefix: String,
    },
    /// The checkpoint folder cannot be read.
    #[error("{}: {cause}", folder.display())]
    Io {
        /// The folder.
        folder: PathBuf,
        /// The operating system's error.
        cause: std::io::Error,
    },
}
