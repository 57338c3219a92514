//! Files of recordings: MS-RBD npz, read and written.

mod find;
pub mod npy;
pub mod npz;
mod object;
mod pair;

pub use find::{FindError, find};
pub use pair::{Blur, Pair, PairError, SaveError, Truth};
