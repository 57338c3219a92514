//! EDI's images of an exposure, which the window shows beside the restored ones.

use super::Diagnostics;
use crate::deblur::edi;
use crate::event::Thresholds;
use crate::exposure::Exposure;
use crate::image::{ImageU8, Rounding};
use crate::time::TimeRange;

/// EDI's images at these instants.
pub(super) fn edi_pictures(
    exposure: &Exposure,
    instants: &[f64],
    thresholds: Thresholds,
    notices: &Diagnostics,
) -> Vec<ImageU8> {
    let at = |f: &f64| TimeRange::instant(exposure.span.at(*f));
    let targets: Vec<TimeRange> = instants.iter().map(at).collect();
    match edi(exposure, &targets, thresholds) {
        Ok(images) => {
            notices.resolve("EDI");
            images.iter().map(|image| image.rounded(Rounding::Nearest)).collect()
        }
        Err(e) => {
            notices.notify("EDI", format!("cannot compare with EDI: {e}"));
            Vec::new()
        }
    }
}
