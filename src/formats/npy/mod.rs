//! The .npy format (numpy's NEP 1, versions 1.0 to 3.0): numeric arrays, and pickled objects as
//! bytes.

mod array;
mod content;
mod error;
mod header;
mod scalar;
#[cfg(test)]
mod tests;
mod view;
mod writer;

pub use array::{Array, Values};
pub use content::{Content, open, read, shape};
pub use error::NpyError;
pub use view::View;
pub use writer::{header, write};
