//! When a file's pictures were exposed.

use crate::sequence::import::error::ImportError;
use crate::sequence::import::options::{FrameExposure, ImportOptions};
use std::path::Path;

/// Whether the file has exposures, so that none that is stated is used.
pub(super) fn has_own(stamps: &[[Option<f64>; 3]]) -> bool {
    stamps.iter().any(|[_, start, end]| start.is_some() && end.is_some())
}

/// Exposures by the attributes, or around the timestamps as stated; `None` for frames whose times are
/// not numbers, and for those that have no exposure as stated.
pub(super) fn exposures(
    path: &Path,
    stamps: &[[Option<f64>; 3]],
    us: impl Fn(f64) -> i64,
    options: &ImportOptions,
) -> Result<Vec<Option<[i64; 2]>>, ImportError> {
    let exposure = |[_, start, end]: &[Option<f64>; 3]| {
        let (start, end) = ((*start)?, (*end)?);
        Some((start.is_finite() && end.is_finite()).then(|| [us(start), us(end)]))
    };
    let known: Option<Vec<_>> = stamps.iter().map(exposure).collect();
    if let Some(known) = known {
        return Ok(known);
    }
    // A picture that lacks what others have is left out.
    if has_own(stamps) {
        return Ok(stamps.iter().map(|stamp| exposure(stamp).flatten()).collect());
    }
    let times: Vec<i64> = stamps.iter().map(|[t, ..]| t.map_or(0, &us)).collect();
    let times = stamps.iter().any(|[t, ..]| t.is_some()).then_some(times).ok_or_else(|| {
        ImportError::content(
            path,
            "its images have neither exposure_start and exposure_end nor \
                                    timestamp as attributes",
        )
    })?;
    let mut all = options.exposures(path, &times)?;
    let unknown =
        |at: usize| stamps.get(at).is_some_and(|[t, ..]| t.is_none_or(|t| !t.is_finite()));
    // Exposures without a gap follow from the times of the neighbours.
    let near = usize::from(options.exposure == Some(FrameExposure::Contiguous));
    for (at, exposure) in all.iter_mut().enumerate() {
        if (at.saturating_sub(near)..=at + near).any(unknown) {
            *exposure = None;
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;

    #[test]
    fn a_frame_whose_time_is_not_a_number_has_no_exposure_and_the_others_keep_theirs() {
        let path = Path::new("a.h5");
        let us = |t: f64| t as i64;
        let nan = f64::NAN;
        let known = |start, end| [None, Some(start), Some(end)];
        let stamps = [known(1.0, 5.0), known(nan, 9.0), known(11.0, nan), known(20.0, 25.0)];
        let found = exposures(path, &stamps, us, &ImportOptions::default()).unwrap();
        assert_eq!(found, [Some([1, 5]), None, None, Some([20, 25])]);
        // A picture without the attributes that others have.
        let stamps = [known(1.0, 5.0), [Some(7.0), None, None], known(11.0, 15.0)];
        assert!(has_own(&stamps));
        let found = exposures(path, &stamps, us, &ImportOptions::default()).unwrap();
        assert_eq!(found, [Some([1, 5]), None, Some([11, 15])]);
        let stamps = [0.0, 10.0, nan, 30.0, 40.0, 50.0].map(|t| [Some(t), None, None]);
        let with =
            |exposure| ImportOptions { exposure: Some(exposure), ..ImportOptions::default() };
        assert!(!has_own(&stamps));
        let found = exposures(path, &stamps, us, &with(FrameExposure::Us(5))).unwrap();
        let each = |t: i64| Some([t, t + 5]);
        assert_eq!(found, [each(0), each(10), None, each(30), each(40), each(50)]);
        let found = exposures(path, &stamps, us, &with(FrameExposure::Contiguous)).unwrap();
        assert_eq!(found, [None, None, None, None, Some([35, 45]), None]);
        let stamps = [[Some(0.0), None, None], [None; 3], [Some(20.0), None, None]];
        let found = exposures(path, &stamps, us, &with(FrameExposure::Us(5))).unwrap();
        assert_eq!(found, [each(0), None, each(20)]);
    }
}
