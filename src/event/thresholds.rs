//! Contrast thresholds of an event camera.

/// The change of the logarithm of brightness that makes a pixel fire.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Thresholds {
    /// For events towards brighter.
    pub on: f64,
    /// For events towards darker, as a positive number.
    pub off: f64,
}

impl Thresholds {
    /// What is assumed of a camera of which nothing is known. Event cameras are set to between
    /// 0.1 and 0.5 (Gallego et al., Event-based Vision: A Survey, TPAMI 2020, section 2.1: 10 to
    /// 50 % of illumination change); 0.2 is also what v2e and ESIM assume by default.
    pub const DEFAULT: Self = Self::both(0.2);

    /// The same threshold for both polarities.
    pub const fn both(contrast: f64) -> Self {
        Self { on: contrast, off: contrast }
    }

    /// Both are numbers that a threshold can be: above zero and at most 2.
    pub fn is_valid(&self) -> bool {
        [self.on, self.off].iter().all(|c| c.is_finite() && *c > 0.0 && *c <= 2.0)
    }
}

impl Default for Thresholds {
    fn default() -> Self {
        Self::DEFAULT
    }
}
