//! Scores of an evaluation: per image, per sequence and overall.

use crate::cli::failure::Failure;
use serde::Serialize;
use std::collections::HashMap;
use std::path::Path;

/// An image counts as worse than its input only if its PSNR is lower by more than this, in dB, so
/// that the rounding of pixel values does not count.
pub(super) const TOLERANCE_DB: f64 = 0.01;

/// PSNR in dB and SSIM of one image.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Score {
    /// Name of the recording.
    pub(super) sequence: String,
    /// Index of the image in the recording.
    pub(super) index: usize,
    /// In dB; infinite for identical images, which is `null` in JSON.
    pub(super) psnr: f64,
    pub(super) ssim: f64,
}

#[derive(Serialize)]
struct Mean {
    sequence: String,
    images: usize,
    psnr: f64,
    ssim: f64,
}

#[derive(Default)]
pub(super) struct Report {
    scores: Vec<Score>,
    /// Number of sharp images that were not taken during an exposure.
    left_out: usize,
}

fn mean(sequence: &str, scores: &[&Score]) -> Mean {
    let n = scores.len().max(1) as f64;
    Mean {
        sequence: sequence.to_owned(),
        images: scores.len(),
        psnr: scores.iter().map(|s| s.psnr).sum::<f64>() / n,
        ssim: scores.iter().map(|s| s.ssim).sum::<f64>() / n,
    }
}

impl Report {
    pub(super) fn add(&mut self, scores: Vec<Score>) {
        self.scores.extend(scores);
    }

    /// Counts sharp images that are not compared, because they were not taken during an exposure.
    pub(super) fn leave_out(&mut self, count: usize) {
        self.left_out += count;
    }

    /// Mean scores of every sequence, in order.
    fn sequences(&self) -> Vec<Mean> {
        self.scores
            .chunk_by(|a, b| a.sequence == b.sequence)
            .map(|s| mean(s.first().map_or("", |f| &f.sequence), &s.iter().collect::<Vec<_>>()))
            .collect()
    }

    fn overall(&self) -> Mean {
        mean("overall", &self.scores.iter().collect::<Vec<_>>())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.scores.is_empty()
    }

    /// Mean PSNR in dB and mean SSIM over all images.
    pub(super) fn means(&self) -> (f64, f64) {
        let Mean { psnr, ssim, .. } = self.overall();
        (psnr, ssim)
    }

    /// The smallest PSNR gain in dB over the same image of `input`, and the percentage of images
    /// that are worse than `input` by more than [`TOLERANCE_DB`].
    pub(super) fn gains_over(&self, input: &Self) -> (f64, f64) {
        let input: HashMap<(&str, usize), f64> =
            input.scores.iter().map(|s| ((s.sequence.as_str(), s.index), s.psnr)).collect();
        let gain = |s: &Score| Some(s.psnr - input.get(&(s.sequence.as_str(), s.index))?);
        let gains: Vec<f64> = self.scores.iter().filter_map(gain).collect();
        let worse = gains.iter().filter(|g| **g < -TOLERANCE_DB).count();
        let least = gains.iter().copied().fold(f64::INFINITY, f64::min);
        (least, 100.0 * worse as f64 / gains.len().max(1) as f64)
    }

    pub(super) fn print(&self) {
        if self.left_out > 0 {
            let n = self.left_out;
            eprintln!(
                "gem-live: {n} sharp images were not taken during an exposure and are left out"
            );
        }
        if self.scores.is_empty() {
            println!("no scores: no image could be compared with its ground truth");
            return;
        }
        let widest = self.scores.iter().map(|s| s.sequence.len() + 4).max().unwrap_or(0).max(8);
        println!("{:<widest$}  {:>8}  {:>7}", "image", "PSNR/dB", "SSIM");
        for Score { sequence, index, psnr, ssim } in &self.scores {
            println!("{:<widest$}  {psnr:>8.4}  {ssim:>7.5}", format!("{sequence}_{index:03}"));
        }
        for Mean { sequence, images, psnr, ssim } in
            self.sequences().into_iter().chain([self.overall()])
        {
            println!("{sequence:<widest$}  {psnr:>8.4}  {ssim:>7.5}  mean of {images}");
        }
    }

    /// Writes results.json and results.csv; nothing if there are no scores. The scores of the compared methods, `others`, go into
    /// results.json only.
    pub(super) fn write(&self, folder: &Path, others: &[(&str, &Self)]) -> Result<(), Failure> {
        if self.scores.is_empty() {
            return Ok(());
        }
        let mut json = serde_json::json!({
            "images": self.scores,
            "sequences": self.sequences(),
            "overall": self.overall(),
        });
        for (name, other) in others.iter().filter(|(_, other)| !other.scores.is_empty()) {
            let value = serde_json::json!({ "overall": other.overall(), "images": other.scores });
            json.as_object_mut().and_then(|j| j.insert((*name).to_owned(), value));
        }
        let text = serde_json::to_vec_pretty(&json)?;
        gem_live::formats::atomic_file::write(&folder.join("results.json"), &text)?;
        let mut csv = String::from("sequence,index,psnr,ssim\n");
        for Score { sequence, index, psnr, ssim } in &self.scores {
            // Quoted, because a file name may contain a comma.
            let sequence = sequence.replace('"', "\"\"");
            csv.push_str(&format!("\"{sequence}\",{index},{psnr},{ssim}\n"));
        }
        for Mean { sequence, psnr, ssim, .. } in self.sequences() {
            let sequence = sequence.replace('"', "\"\"");
            csv.push_str(&format!("\"{sequence}\",mean,{psnr},{ssim}\n"));
        }
        let Mean { psnr, ssim, .. } = self.overall();
        csv.push_str(&format!("overall,mean,{psnr},{ssim}\n"));
        Ok(gem_live::formats::atomic_file::write(&folder.join("results.csv"), csv.as_bytes())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_worse_only_beyond_the_tolerance() {
        let report = |psnr: [f64; 4]| Report {
            scores: (psnr.into_iter().enumerate())
                .map(|(index, psnr)| Score { sequence: "a".to_owned(), index, psnr, ssim: 1.0 })
                .collect(),
            left_out: 0,
        };
        let input = report([30.0; 4]);
        let (least, worse) = report([29.0, 29.992, 30.0, 31.0]).gains_over(&input);
        assert_eq!((least, worse), (-1.0, 25.0));
    }
}
