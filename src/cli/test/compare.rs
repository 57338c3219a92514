//! Baselines: the blurry input, and EDI with the camera's contrast thresholds.

use super::report::{Report, Score, TOLERANCE_DB};
use crate::cli::failure::Failure;
use gem_live::deblur::edi;
use gem_live::deblur::metrics::{psnr, ssim};
use gem_live::event::{Contrast, ContrastSource};
use gem_live::exposure::Exposure;
use gem_live::image::ImageU8;
use gem_live::time::TimeRange;

/// Scores of the blurry input and of EDI, collected along with the network's.
#[derive(Default)]
pub(super) struct Comparison {
    /// Contrast thresholds of the current recording.
    contrast: Contrast,
    estimated: usize,
    pub(super) blurry: Report,
    pub(super) edi: Report,
}

impl Comparison {
    /// Sets the contrast thresholds of the next recording.
    pub(super) fn set_contrast(&mut self, contrast: Contrast) {
        let guessed = [ContrastSource::Estimated, ContrastSource::Default];
        self.estimated += usize::from(guessed.contains(&contrast.source));
        self.contrast = contrast;
    }

    /// Scores one exposure against its ground truth: index and image of every target.
    pub(super) fn score(
        &mut self,
        sequence: &str,
        exposure: &Exposure,
        targets: &[TimeRange],
        truth: &[(usize, &ImageU8)],
    ) -> Result<(), Failure> {
        let blurry = exposure.frame.to_u8();
        let score = |index: usize, sharp: &ImageU8, image: &ImageU8| -> Result<Score, Failure> {
            let (psnr, ssim) = (psnr(sharp, image)?, ssim(sharp, image)?);
            Ok(Score { sequence: sequence.to_owned(), index, psnr, ssim })
        };
        let restored = edi(exposure, targets, self.contrast.thresholds)?;
        for ((index, sharp), image) in truth.iter().zip(&restored) {
            self.blurry.add(vec![score(*index, sharp, &blurry)?]);
            self.edi.add(vec![score(*index, sharp, &image.to_u8())?]);
        }
        Ok(())
    }

    /// Prints the comparison table.
    pub(super) fn print(&self, network: &Report) {
        if network.is_empty() {
            return;
        }
        if self.estimated > 0 {
            let n = self.estimated;
            println!("contrast thresholds of {n} recordings were estimated");
        }
        println!("{:<8}  {:>8}  {:>7}  {:>9}  {:>7}", "", "PSNR/dB", "SSIM", "worst/dB", "worse/%");
        for (name, report) in [("blurry", &self.blurry), ("EDI", &self.edi), ("SAN", network)] {
            let (psnr, ssim) = report.means();
            let (worst, worse) = report.gains_over(&self.blurry);
            println!("{name:<8}  {psnr:>8.2}  {ssim:>7.4}  {worst:>9.2}  {worse:>7.1}");
        }
        println!(
            "worst: smallest gain over the blurry image; worse: share of images more than \
             {TOLERANCE_DB} dB below it"
        );
    }
}
