//! Compares restored images with the ground truth and with the blurry image.

use super::LiveFrame;
use crate::deblur::metrics::{psnr, sharpness, ssim};
use crate::image::ImageU8;
use std::time::{Duration, Instant};

/// How good a restored image is.
pub(super) struct FrameScores {
    /// PSNR in dB of the blurry and the restored image, where ground truth is known.
    pub psnr_db: Option<(f64, f64)>,
    /// SSIM of both, where ground truth is known and it is computed this time.
    pub ssim: Option<(f64, f64)>,
    /// Sharpness of the restored image over that of the blurry one.
    pub sharpness_gain: Option<f64>,
}

/// Computes scores, and limits the time that is spent on SSIM.
#[derive(Default)]
pub(super) struct FrameScorer {
    /// When SSIM was last computed, and how long it took.
    last_ssim: Option<(Instant, Duration)>,
}

impl FrameScorer {
    /// The scores of a restored image, which shows the exposure at this fraction of it.
    pub(super) fn score(
        &mut self,
        captured: &LiveFrame,
        restored: Option<(&ImageU8, f64)>,
    ) -> FrameScores {
        let _span = tracing::trace_span!("score", frame = captured.number).entered();
        let blurry = &captured.picture;
        let known = restored.and_then(|(image, at)| Some((captured.truth_at(at)?, image)));
        let psnr_db = known
            .and_then(|(truth, image)| Some((psnr(truth, blurry).ok()?, psnr(truth, image).ok()?)));
        let ssim = known.and_then(|(truth, image)| self.ssim(truth, blurry, image));
        let sharpness_gain = restored.and_then(|(image, _)| {
            let before = sharpness(blurry);
            (before > 0.0).then(|| sharpness(image) / before)
        });
        FrameScores { psnr_db, ssim, sharpness_gain }
    }

    /// SSIM of the blurry and the restored image, limited to a fiftieth of the running time.
    fn ssim(&mut self, truth: &ImageU8, blurry: &ImageU8, image: &ImageU8) -> Option<(f64, f64)> {
        const SHARE: u32 = 50;
        if self.last_ssim.is_some_and(|(at, took)| at.elapsed() < took * SHARE) {
            return None;
        }
        let start = Instant::now();
        let both = ssim(truth, blurry).ok().zip(ssim(truth, image).ok());
        self.last_ssim = Some((start, start.elapsed()));
        both
    }
}
