//! What the network is compared with: the blurry input, and EDI with the camera's thresholds.

use super::Failure;
use super::report::{Report, Score};
use gem_live::deblur::edi;
use gem_live::event::{Contrast, ContrastSource, Span};
use gem_live::frame::{Exposure, Picture};
use gem_live::metrics::{psnr, ssim};

/// Scores of the blurry input and of EDI, gathered beside the network's.
#[derive(Default)]
pub(super) struct Comparison {
    /// Of the recording that is scored.
    contrast: Contrast,
    estimated: usize,
    pub(super) blurry: Report,
    pub(super) edi: Report,
}

impl Comparison {
    /// Sets the contrast thresholds of the recording that is scored next.
    pub(super) fn set_contrast(&mut self, contrast: Contrast) {
        let guessed = [ContrastSource::Estimated, ContrastSource::Default];
        self.estimated += usize::from(guessed.contains(&contrast.source));
        self.contrast = contrast;
    }

    /// Scores one exposure against its truth: number and image at every target.
    pub(super) fn score(
        &mut self,
        sequence: &str,
        exposure: &Exposure,
        targets: &[Span],
        truth: &[(usize, &Picture)],
    ) -> Result<(), Failure> {
        let blurry = exposure.frame.to_picture();
        let score = |index: usize, sharp: &Picture, image: &Picture| -> Result<Score, Failure> {
            let (psnr, ssim) = (psnr(sharp, image)?, ssim(sharp, image)?);
            Ok(Score { sequence: sequence.to_owned(), index, psnr, ssim })
        };
        let restored = edi(exposure, targets, self.contrast.thresholds)?;
        for ((index, sharp), image) in truth.iter().zip(&restored) {
            self.blurry.add(vec![score(*index, sharp, &blurry)?]);
            self.edi.add(vec![score(*index, sharp, &image.to_picture())?]);
        }
        Ok(())
    }

    /// The table for a person.
    pub(super) fn print(&self, network: &Report) {
        if self.estimated > 0 {
            let n = self.estimated;
            println!("contrast thresholds were estimated for {n} recordings without known ones");
        }
        println!("{:<8}  {:>8}  {:>7}", "", "PSNR/dB", "SSIM");
        for (name, report) in [("blurry", &self.blurry), ("EDI", &self.edi), ("SAN", network)] {
            let (psnr, ssim) = report.means();
            println!("{name:<8}  {psnr:>8.2}  {ssim:>7.4}");
        }
    }
}
