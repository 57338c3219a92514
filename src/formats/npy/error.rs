//! Why bytes are not an array.

/// Why bytes cannot be read as an array.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NpyError {
    /// The magic string or the header is missing.
    #[error("not a .npy array")]
    Magic,
    /// The header is not a valid dictionary.
    #[error("the header of the array is damaged: copy or download the file again")]
    Header,
    /// A structured dtype with fields that are not plain numbers.
    #[error(
        "the structured array has fields that are not plain numbers: save them one by one, such as \
         x, y, t and p"
    )]
    Fields,
    /// An unsupported dtype.
    #[error("unsupported data type {0:?}: save it as numbers, such as uint8, int64 or float64")]
    Dtype(String),
    /// An integer or a time that the program's integers cannot hold exactly.
    #[error(
        "the array has an integer beyond 64 bits with sign, or a time between two microseconds: \
         store it as int64, times in whole microseconds"
    )]
    Range,
    /// More elements than allowed.
    #[error("the array has {found} elements, more than the allowed {limit}")]
    TooMany {
        /// Number of elements according to the shape.
        found: usize,
        /// Allowed number of elements.
        limit: usize,
    },
    /// Fewer bytes than the shape requires.
    #[error("the shape {shape:?} needs {needed} bytes, but the array has {found}")]
    Length {
        /// The declared shape.
        shape: Vec<usize>,
        /// Bytes that the shape requires.
        needed: usize,
        /// Bytes in the file.
        found: usize,
    },
}
