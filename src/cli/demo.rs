//! `gem-live` where no window can be opened: restores the built-in clip to a picture.

use super::common::Progress;
use super::contact_sheet::contact_sheet;
use super::failure::Failure;
use gem_live::Deblurrer;
use gem_live::deblur::metrics::psnr;
use gem_live::engine;
use gem_live::formats::pictures::write_png;
use gem_live::image::{ImageU8, Rounding};
use gem_live::live::{ClipSource, Compute};
use gem_live::network::Weights;
use gem_live::program;
use gem_live::sequence::Clip;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// The picture, in the current folder.
const PICTURE: &str = "gem-live-clip.png";

/// Restores the clip and prints the result; `why` is the reason why there is no window.
pub(super) fn run(why: &str, compute: Compute, weights: &Weights) -> Result<ExitCode, Failure> {
    let clip = ClipSource::small(&Clip::embedded()?);
    let notice = Box::new(|line: &str| eprintln!("gem-live: {line}"));
    // The clip moves everywhere.
    let Compute { choice, device, threads, sparse: _ } = compute;
    let selected = engine::select(weights, choice, device, threads, notice)?;
    let size = clip.exposures.first().map(|e| e.frame.size().to_string()).unwrap_or_default();
    println!("{}; the built-in clip is restored without one.", capital(why));
    println!("clip        {} exposures, {size} pixels", clip.exposures.len());
    println!("engine      {}", selected.reason);
    let mut deblurrer = Deblurrer::new(selected.engine);
    deblurrer.set_thresholds(Clip::THRESHOLDS);
    let mut progress = Progress::new(clip.exposures.len());
    let mut result = Restored::default();
    for (exposure, truth) in clip.exposures.iter().zip(&clip.truth) {
        let start = Instant::now();
        let Some(restored) = deblurrer.restore_pictures(exposure, &[0.5], Rounding::Nearest)?.pop()
        else {
            continue;
        };
        result.time += start.elapsed();
        let both = [psnr(truth, &exposure.frame.to_u8())?, psnr(truth, &restored)?];
        progress.step(&format!("{:.1} dB to {:.1} dB", both[0], both[1]));
        result.add(both, || contact_sheet(exposure, &[restored]));
    }
    progress.finish();
    result.print()?;
    println!(
        "The window needs a display: a desktop, ssh -X, or a remote desktop. {} --help lists the \
         commands that need none.",
        program::command()
    );
    Ok(ExitCode::SUCCESS)
}

/// Sums over the exposures, and the sheet of the one that gained most.
#[derive(Default)]
struct Restored {
    count: u32,
    time: Duration,
    psnr_db: [f64; 2],
    best: Option<(f64, ImageU8)>,
}

impl Restored {
    fn add(&mut self, psnr_db: [f64; 2], sheet: impl FnOnce() -> ImageU8) {
        self.count += 1;
        for (sum, db) in self.psnr_db.iter_mut().zip(psnr_db) {
            *sum += db;
        }
        let gain = psnr_db[1] - psnr_db[0];
        if self.best.as_ref().is_none_or(|(best, _)| gain > *best) {
            self.best = Some((gain, sheet()));
        }
    }

    fn print(&self) -> Result<(), Failure> {
        let (count, seconds) = (f64::from(self.count), self.time.as_secs_f64());
        println!(
            "speed       {:.2} frames per second ({:.0} ms per frame)",
            count / seconds,
            1e3 * seconds / count
        );
        let [blurry, restored] = self.psnr_db.map(|sum| sum / count);
        println!(
            "PSNR        {blurry:.2} dB blurry, {restored:.2} dB restored: {:+.2} dB",
            restored - blurry
        );
        if let Some((_, sheet)) = &self.best {
            let path = save(sheet)?;
            let place = std::path::absolute(&path).unwrap_or(path);
            println!("picture     {} (blurry, events, restored)", place.display());
        }
        Ok(())
    }
}

/// Writes the picture into the current folder; where that is not possible, such as in a folder of the
/// system, among the temporary files. Returns its path.
fn save(sheet: &ImageU8) -> Result<PathBuf, Failure> {
    let here = PathBuf::from(PICTURE);
    let Err(why) = write_png(&here, sheet) else { return Ok(here) };
    let elsewhere = std::env::temp_dir().join(PICTURE);
    if write_png(&elsewhere, sheet).is_err() {
        return Err(format!("{why}: change to a folder of your own").into());
    }
    eprintln!("gem-live: {why}: the picture is among the temporary files");
    Ok(elsewhere)
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |c| c.to_uppercase().chain(letters).collect())
}
