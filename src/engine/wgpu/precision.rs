//! How feature maps are stored.

/// Number format of feature maps in memory. Weights and arithmetic are in single precision in
/// both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Half precision: half the memory traffic, for shaders that have f16.
    Half,
    /// Single precision, on every device.
    Single,
}
