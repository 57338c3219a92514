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

/// Where contrast thresholds come from, from the least to the most certain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContrastSource {
    /// Nothing is known: [`Thresholds::DEFAULT`].
    #[default]
    Default,
    /// Estimated from frames and events.
    Estimated,
    /// Known from how the data were made, or from the camera's maker.
    Known,
    /// Set by a person.
    Set,
}

/// Contrast thresholds, where they come from, and how well they are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Contrast {
    /// ON and OFF.
    #[serde(flatten)]
    pub thresholds: Thresholds,
    /// Where they come from.
    pub source: ContrastSource,
    /// Relative standard error, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uncertainty: Option<f64>,
}

impl Contrast {
    /// Thresholds that a person set.
    pub const fn set(thresholds: Thresholds) -> Self {
        Self { thresholds, source: ContrastSource::Set, uncertainty: None }
    }

    /// Thresholds that are known from how the data were made.
    pub const fn known(thresholds: Thresholds) -> Self {
        Self { thresholds, source: ContrastSource::Known, uncertainty: None }
    }
}

impl std::fmt::Display for Contrast {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Thresholds { on, off } = self.thresholds;
        if (on - off).abs() < 0.005 {
            write!(f, "{on:.2}")?;
        } else {
            write!(f, "ON {on:.2}, OFF {off:.2}")?;
        }
        match (self.source, self.uncertainty) {
            (ContrastSource::Default, _) => f.write_str(" (assumed)"),
            (ContrastSource::Estimated, Some(u)) => write!(f, " (estimated, +-{:.0} %)", u * 100.0),
            (ContrastSource::Estimated, None) => f.write_str(" (estimated)"),
            (ContrastSource::Known, _) => f.write_str(" (known)"),
            (ContrastSource::Set, _) => f.write_str(" (set)"),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod tests {
    use super::*;

    #[test]
    fn contrast_is_written_as_a_flat_object() {
        let set = Contrast::set(Thresholds { on: 0.3, off: 0.25 });
        let json = serde_json::to_value(set).unwrap();
        assert_eq!(json, serde_json::json!({"on": 0.3, "off": 0.25, "source": "set"}));
        assert_eq!(serde_json::from_value::<Contrast>(json).unwrap(), set);
        let estimated = r#"{"on": 0.2, "off": 0.2, "source": "estimated", "uncertainty": 0.04}"#;
        let estimated: Contrast = serde_json::from_str(estimated).unwrap();
        assert_eq!(estimated.to_string(), "0.20 (estimated, +-4 %)");
    }

    #[test]
    fn only_positive_finite_thresholds_are_valid() {
        assert!(Thresholds::DEFAULT.is_valid());
        for bad in [0.0, -0.1, f64::NAN, f64::INFINITY, 3.0] {
            assert!(!Thresholds { on: 0.2, off: bad }.is_valid(), "{bad}");
        }
    }
}
