//! PSNR of a clip's frames against the ground truth, blurry and restored:
//!
//!     cargo run --release --example clip_quality [CLIP.npz [SHEET.png [EXPOSURE]]]
//!
//! Without a file it is the built-in clip. The contact sheet shows one exposure: blurry,
//! restored, ground truth.

use gem_live::Deblurrer;
use gem_live::deblur::metrics::psnr;
use gem_live::engine::cpu::CpuEngine;
use gem_live::network::Weights;
use gem_live::sequence::Clip;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let clip = match arguments.next() {
        Some(path) => Clip::from_bytes(&std::fs::read(path)?)?,
        None => Clip::embedded()?,
    };
    let sheet = arguments.next();
    let wanted: usize = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(0);
    let mut deblurrer = Deblurrer::new(Box::new(CpuEngine::new(&Weights::embedded()?, 0)?));
    // Those of the built-in clip, and of others that examples/make_clip.rs made.
    deblurrer.set_thresholds(Clip::THRESHOLDS);
    let (mut before, mut after) = (0.0, 0.0);
    for (i, (exposure, truth)) in clip.exposures.iter().zip(&clip.truth).enumerate() {
        let blurry = exposure.frame.to_u8();
        for restored in deblurrer.restore(exposure, &[0.5])? {
            let restored = restored.to_u8();
            let (b, r) = (psnr(truth, &blurry)?, psnr(truth, &restored)?);
            println!("exposure {i:2}: blurry {b:.2} dB, restored {r:.2} dB");
            (before, after) = (before + b, after + r);
            if let Some(path) = sheet.as_ref().filter(|_| i == wanted) {
                let (w, h) = (truth.size().width as u32, truth.size().height as u32);
                let rgb = [&blurry, &restored, truth].map(|p| p.to_rgb()).concat();
                image::save_buffer(path, &rgb, w, 3 * h, image::ExtendedColorType::Rgb8)?;
            }
        }
    }
    let n = clip.truth.len().max(1) as f64;
    println!("mean:        blurry {:.2} dB, restored {:.2} dB", before / n, after / n);
    Ok(())
}
