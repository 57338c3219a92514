//! Precision of the arithmetic on the card.

/// Number format of features and weights; sums are in single precision in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Half precision on tensor cores.
    Half,
    /// Single precision without tensor cores: slow, for checking.
    Single,
}
