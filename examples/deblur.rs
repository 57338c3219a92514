//! Restores the first exposure of the built-in clip and writes the input and the output:
//!
//!     cargo run --release --example deblur

use gem_live::Deblurrer;
use gem_live::engine::cpu::CpuEngine;
use gem_live::image::ImageU8;
use gem_live::network::Weights;
use gem_live::sequence::Clip;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = CpuEngine::new(&Weights::embedded()?, 0)?;
    let mut deblurrer = Deblurrer::new(Box::new(engine));
    let clip = Clip::embedded()?;
    let exposure = clip.exposures.first().ok_or("the clip is empty")?;
    let restored = deblurrer.restore(exposure, &[0.5])?;
    save("blurry.png", &exposure.frame.to_u8())?;
    for image in restored {
        save("restored.png", &image.to_u8())?;
    }
    Ok(())
}

fn save(name: &str, picture: &ImageU8) -> Result<(), image::ImageError> {
    let (width, height) = (picture.size().width as u32, picture.size().height as u32);
    image::save_buffer(name, &picture.to_rgb(), width, height, image::ExtendedColorType::Rgb8)?;
    println!("wrote {name}");
    Ok(())
}
