//! What a user states about a recording that its format leaves open.

use super::error::ImportError;
use crate::image::Size;
use std::path::Path;

/// The unit of times in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeUnit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// Microseconds.
    Microseconds,
    /// Nanoseconds.
    Nanoseconds,
}

impl TimeUnit {
    /// Microseconds in one unit.
    pub fn in_us(self) -> f64 {
        match self {
            Self::Seconds => 1e6,
            Self::Milliseconds => 1e3,
            Self::Microseconds => 1.0,
            Self::Nanoseconds => 1e-3,
        }
    }

    /// The abbreviation: s, ms, us or ns.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Milliseconds => "ms",
            Self::Microseconds => "us",
            Self::Nanoseconds => "ns",
        }
    }

    /// The unit with this abbreviation.
    pub fn from_symbol(symbol: &str) -> Option<Self> {
        [Self::Seconds, Self::Milliseconds, Self::Microseconds, Self::Nanoseconds]
            .into_iter()
            .find(|unit| unit.symbol() == symbol)
    }
}

/// The moment of an exposure that the timestamp of a frame refers to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stamp {
    /// The start of the exposure.
    #[default]
    Start,
    /// Its middle.
    Middle,
    /// Its end.
    End,
}

impl Stamp {
    /// The name: start, middle or end.
    pub fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Middle => "middle",
            Self::End => "end",
        }
    }
}

/// How long frames were exposed, where the recording does not state it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameExposure {
    /// All of them this long, in microseconds.
    Us(i64),
    /// Without a gap: from half way to the previous frame to half way to the next. The first and
    /// the last frame have no such exposure and are left out.
    Contiguous,
}

/// What a user states about a recording. The default states nothing: what the format leaves open
/// is an error where the data do not show it.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// How long frames were exposed. Exposures that the recording has come first.
    pub exposure: Option<FrameExposure>,
    /// What the timestamps of frames refer to.
    pub stamp: Stamp,
    /// Names of the columns of the text file of events, in order, of x, y, t, p; others are
    /// ignored.
    pub columns: Option<Vec<String>>,
    /// Unit of the times of events in text files and npz files, and of all times in HDF5 files.
    pub event_unit: Option<TimeUnit>,
    /// Unit of the times of frames in text files.
    pub frame_unit: Option<TimeUnit>,
    /// Added to the times of events, in microseconds.
    pub event_offset_us: i64,
    /// Size of the event sensor.
    pub sensor: Option<Size>,
    /// The colours of raw images are in the order blue, green, red.
    pub bgr: bool,
    /// The ROS topics of frames and events, if there are several.
    pub frame_topic: Option<String>,
    /// See [`ImportOptions::frame_topic`].
    pub event_topic: Option<String>,
}

impl ImportOptions {
    /// The exposure that starts, is at its middle, or ends at a timestamp.
    pub(super) fn around(&self, stamp_us: i64, exposure_us: i64) -> [i64; 2] {
        let start = match self.stamp {
            Stamp::Start => stamp_us,
            Stamp::Middle => stamp_us.saturating_sub(exposure_us / 2),
            Stamp::End => stamp_us.saturating_sub(exposure_us),
        };
        [start, start.saturating_add(exposure_us)]
    }

    /// A remark on how exposures follow from timestamps; `own` if the recording has exposure times.
    pub(super) fn timing(&self, own: bool) -> String {
        let contiguous = !own && self.exposure == Some(FrameExposure::Contiguous);
        match (contiguous, self.stamp) {
            (true, Stamp::Start) => "exposures reach half way to the neighbouring frames".into(),
            (true, _) => {
                "exposures reach half way to the neighbouring frames; not used: --stamp".into()
            }
            (false, stamp) => format!("timestamps of frames are the {} of exposures", stamp.name()),
        }
    }

    /// A remark on stated options that are not used, because the recording has the exposure times of its
    /// frames; `has_starts` if it also has when each exposure started.
    pub(super) fn unused(&self, has_starts: bool) -> Option<String> {
        let exposure = self.exposure.map(|exposure| match exposure {
            FrameExposure::Us(_) => "--exposure-us",
            FrameExposure::Contiguous => "--contiguous",
        });
        let stamp = (has_starts && self.stamp != Stamp::Start).then_some("--stamp");
        let options: Vec<&str> = exposure.into_iter().chain(stamp).collect();
        (!options.is_empty()).then(|| {
            format!("not used: {}: the recording has its own exposures", options.join(", "))
        })
    }

    /// Exposures of frames of which only the timestamps are known; `None` for frames without one.
    ///
    /// # Errors
    /// [`ImportError::Exposure`] if no exposure is stated.
    pub(super) fn exposures(
        &self,
        path: &Path,
        stamps_us: &[i64],
    ) -> Result<Vec<Option<[i64; 2]>>, ImportError> {
        match self.exposure {
            None => Err(ImportError::Exposure(path.to_owned())),
            Some(FrameExposure::Us(us)) => {
                Ok(stamps_us.iter().map(|stamp| Some(self.around(*stamp, us))).collect())
            }
            Some(FrameExposure::Contiguous) => {
                let between = |a: i64, b: i64| a.saturating_add(b.saturating_sub(a) / 2);
                let inner = stamps_us.windows(3).map(|w| match w {
                    [a, b, c] => Some([between(*a, *b), between(*b, *c)]),
                    _ => None,
                });
                let mut out: Vec<_> = std::iter::once(None).chain(inner).collect();
                out.resize(stamps_us.len(), None);
                Ok(out)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;

    #[test]
    fn exposures_lie_around_timestamps_as_stated() {
        let path = Path::new("x");
        let none = ImportOptions::default();
        assert!(matches!(none.exposures(path, &[1]), Err(ImportError::Exposure(_))));
        let us = |stamp| ImportOptions {
            exposure: Some(FrameExposure::Us(100)),
            stamp,
            ..ImportOptions::default()
        };
        let one = |stamp| us(stamp).exposures(path, &[1000]).unwrap();
        assert_eq!(one(Stamp::Start), [Some([1000, 1100])]);
        assert_eq!(one(Stamp::Middle), [Some([950, 1050])]);
        assert_eq!(one(Stamp::End), [Some([900, 1000])]);
        let gapless =
            ImportOptions { exposure: Some(FrameExposure::Contiguous), ..ImportOptions::default() };
        let found = gapless.exposures(path, &[0, 100, 300, 400]).unwrap();
        assert_eq!(found, [None, Some([50, 200]), Some([200, 350]), None]);
        assert_eq!(gapless.exposures(path, &[5]).unwrap(), [None]);
    }

    #[test]
    fn the_remark_on_timestamps_is_what_was_done() {
        let remark = |exposure, stamp, own| {
            ImportOptions { exposure, stamp, ..ImportOptions::default() }.timing(own)
        };
        let (us, gapless) = (Some(FrameExposure::Us(100)), Some(FrameExposure::Contiguous));
        assert_eq!(remark(us, Stamp::End, false), "timestamps of frames are the end of exposures");
        assert_eq!(remark(gapless, Stamp::End, true), remark(us, Stamp::End, false));
        let contiguous = remark(gapless, Stamp::Start, false);
        assert_eq!(contiguous, "exposures reach half way to the neighbouring frames");
        assert_eq!(remark(gapless, Stamp::End, false), contiguous + "; not used: --stamp");
    }

    #[test]
    fn options_that_own_exposures_replace_are_named() {
        let named = |exposure, stamp, has_starts| {
            let options = ImportOptions { exposure, stamp, ..ImportOptions::default() };
            options.unused(has_starts).map(|remark| remark.split(": ").nth(1).unwrap().to_owned())
        };
        let us = Some(FrameExposure::Us(100));
        assert_eq!(named(None, Stamp::Start, true), None);
        assert_eq!(named(None, Stamp::End, false), None);
        assert_eq!(named(us, Stamp::End, false).unwrap(), "--exposure-us");
        assert_eq!(named(None, Stamp::End, true).unwrap(), "--stamp");
        let both = named(Some(FrameExposure::Contiguous), Stamp::Middle, true);
        assert_eq!(both.unwrap(), "--contiguous, --stamp");
    }
}
