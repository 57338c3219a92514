//! What the network is compared with: the blurry input, and EDI with the camera's thresholds.

use super::report::{Report, Score};
use super::{Failure, USUAL};
use gem_live::dataset::{Blur, Pair};
use gem_live::deblur::{Thresholds, edi, estimate_thresholds};
use gem_live::event::Span;
use gem_live::frame::{Exposure, Picture};
use gem_live::metrics::{psnr, ssim};
use gem_live::simulate::synth::set::{Entry, entries};
use std::collections::BTreeMap;
use std::path::Path;

/// Where EDI's thresholds come from.
enum Source {
    Given(Thresholds),
    /// The dataset's manifest, by file; estimated for what it does not know.
    Known(BTreeMap<String, Entry>),
}

/// Scores of the blurry input and of EDI, gathered beside the network's.
pub(super) struct Comparison {
    source: Source,
    estimated: usize,
    pub(super) blurry: Report,
    pub(super) edi: Report,
}

impl Comparison {
    pub(super) fn new(root: &Path, given: Option<Thresholds>) -> Result<Self, Failure> {
        let source = match given {
            Some(given) => Source::Given(given),
            None => Source::Known(entries(root)?.unwrap_or_default()),
        };
        let (blurry, edi) = Default::default();
        Ok(Self { source, estimated: 0, blurry, edi })
    }

    /// The thresholds for a recording of the folder test/.
    pub(super) fn thresholds(&mut self, path: &Path, pair: &Pair) -> Result<Thresholds, Failure> {
        let known = match &self.source {
            Source::Given(given) => return Ok(*given),
            Source::Known(entries) => {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                entries.get(&format!("test/{name}")).and_then(|e| e.thresholds)
            }
        };
        if let Some([on, off]) = known {
            return Ok(Thresholds { on, off });
        }
        self.estimated += 1;
        let (first, second) = (pair.exposure(Blur::First)?, pair.exposure(Blur::Second)?);
        Ok(estimate_thresholds(&first, &second, &pair.events)?.unwrap_or(USUAL))
    }

    /// Scores one exposure against its truth: number and image at every target.
    pub(super) fn score(
        &mut self,
        sequence: &str,
        exposure: &Exposure,
        targets: &[Span],
        truth: &[(usize, &Picture)],
        thresholds: Thresholds,
    ) -> Result<(), Failure> {
        let blurry = exposure.frame.to_picture();
        let score = |index: usize, sharp: &Picture, image: &Picture| -> Result<Score, Failure> {
            let (psnr, ssim) = (psnr(sharp, image)?, ssim(sharp, image)?);
            Ok(Score { sequence: sequence.to_owned(), index, psnr, ssim })
        };
        let restored = edi(exposure, targets, thresholds)?;
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
            println!("EDI's thresholds were estimated for {n} recordings that no manifest knows");
        }
        println!("{:<8}  {:>8}  {:>7}", "", "PSNR/dB", "SSIM");
        for (name, report) in [("blurry", &self.blurry), ("EDI", &self.edi), ("SAN", network)] {
            let (psnr, ssim) = report.means();
            println!("{name:<8}  {psnr:>8.2}  {ssim:>7.4}");
        }
    }
}
