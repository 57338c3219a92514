//! Files of recordings: MS-RBD npz, read and written, AEDAT4, and the YAML files that go with them.

pub mod aedat4;
mod clip;
mod config;
mod crop;
pub mod export;
mod find;
pub mod npy;
pub mod npz;
mod object;
mod pack;
mod pair;
mod peek;

pub use clip::{Clip, ClipError};
pub use config::{Config, ConfigError, Remarks};
pub use crop::{PUBLISHED_CROP_PX, largest_crop};
pub(crate) use crop::{published_crop, sensors};
pub use find::{FindError, find};
pub use pack::{Packing, PairParts};
pub use pair::{Blur, Pair, PairError, SaveError, Truth};
pub use peek::Peek;
