//! Contrast thresholds of an event camera.

/// Change of log intensity that makes a pixel fire an event.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Thresholds {
    /// For ON events, which are increases of brightness.
    pub on: f64,
    /// For OFF events, which are decreases of brightness, as a positive number.
    pub off: f64,
}

impl Thresholds {
    /// Assumed for a camera without further information. The thresholds of event cameras are
    /// between 0.1 and 0.5 (Gallego et al., Event-based Vision: A Survey, TPAMI 2020, section 2.1:
    /// 10 to 50 % of illumination change). v2e and ESIM also use 0.2 by default.
    pub const DEFAULT: Self = Self::both(0.2);

    /// The same threshold for both polarities.
    pub const fn both(contrast: f64) -> Self {
        Self { on: contrast, off: contrast }
    }

    /// Whether both thresholds are in the valid range: above 0 and at most 2.
    pub fn is_valid(&self) -> bool {
        [self.on, self.off].iter().all(|c| c.is_finite() && *c > 0.0 && *c <= 2.0)
    }
}

impl Default for Thresholds {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Source of contrast thresholds, from least to most certain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContrastSource {
    /// Not known: [`Thresholds::DEFAULT`].
    #[default]
    Default,
    /// Estimated from frames and events.
    Estimated,
    /// Known from the creation of the data, or from the camera's manufacturer.
    Known,
    /// Set by the user.
    Set,
}

/// Contrast thresholds with their source and uncertainty.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Contrast {
    /// The ON and OFF thresholds.
    #[serde(flatten)]
    pub thresholds: Thresholds,
    /// Source of the thresholds.
    pub source: ContrastSource,
    /// Relative standard error, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uncertainty: Option<f64>,
}

impl Contrast {
    /// Estimates up to this relative standard error are accurate enough to be kept, and to be used
    /// without a further estimate.
    pub const MAX_UNCERTAINTY: f64 = 0.1;

    /// Whether no further estimate is needed: valid thresholds that are known, set by the user, or
    /// estimated with at most [`Self::MAX_UNCERTAINTY`].
    pub fn is_accurate(&self) -> bool {
        let is_certain = match self.source {
            ContrastSource::Default => false,
            ContrastSource::Estimated => {
                self.uncertainty.is_some_and(|u| (0.0..=Self::MAX_UNCERTAINTY).contains(&u))
            }
            ContrastSource::Known | ContrastSource::Set => true,
        };
        is_certain && self.thresholds.is_valid()
    }

    /// The thresholds of all files of a recording in one line; `None` without files.
    pub fn summary(contrasts: &[Self]) -> Option<String> {
        let first = contrasts.first()?;
        if contrasts.iter().all(|c| c == first) {
            return Some(first.to_string());
        }
        let mean = |c: &Self| (c.thresholds.on + c.thresholds.off) / 2.0;
        let least = contrasts.iter().map(mean).fold(f64::INFINITY, f64::min);
        let most = contrasts.iter().map(mean).fold(0.0, f64::max);
        let is_known = |c: &&Self| matches!(c.source, ContrastSource::Known | ContrastSource::Set);
        let known = contrasts.iter().filter(is_known).count();
        let other = contrasts.len() - known;
        Some(format!("{least:.2} to {most:.2} (known of {known} files, estimated of {other})"))
    }

    /// Thresholds set by the user.
    pub const fn set(thresholds: Thresholds) -> Self {
        Self { thresholds, source: ContrastSource::Set, uncertainty: None }
    }

    /// Thresholds known from the creation of the data.
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
    fn an_estimate_is_accurate_only_with_a_small_uncertainty() {
        let estimate = |uncertainty| Contrast {
            thresholds: Thresholds::both(0.3),
            source: ContrastSource::Estimated,
            uncertainty,
        };
        for accurate in [0.0, 0.04, 0.1] {
            assert!(estimate(Some(accurate)).is_accurate(), "{accurate}");
        }
        for poor in [None, Some(0.11), Some(-0.1), Some(f64::NAN)] {
            assert!(!estimate(poor).is_accurate(), "{poor:?}");
        }
        let both = Thresholds::both;
        assert!(Contrast::known(both(0.3)).is_accurate() && Contrast::set(both(0.3)).is_accurate());
        assert!(!Contrast::known(both(0.0)).is_accurate() && !Contrast::default().is_accurate());
    }

    #[test]
    fn only_positive_finite_thresholds_are_valid() {
        assert!(Thresholds::DEFAULT.is_valid());
        for bad in [0.0, -0.1, f64::NAN, f64::INFINITY, 3.0] {
            assert!(!Thresholds { on: 0.2, off: bad }.is_valid(), "{bad}");
        }
    }
}
