//! A film of the built-in clip in slow motion, with a wipe between blurry and restored:
//!
//!     cargo run --release --example clip_film FILM [INSTANTS [FRAMES_PER_SECOND]]

use gem_live::Deblurrer;
use gem_live::deblur::even_instants;
use gem_live::engine::cpu::CpuEngine;
use gem_live::formats::film::{FilmWriter, Layout};
use gem_live::live::ClipSource;
use gem_live::network::Weights;
use gem_live::sequence::Clip;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: clip_film FILM [INSTANTS [FRAMES_PER_SECOND]]")?;
    let instants = even_instants(arguments.next().map_or(Ok(5), |n| n.parse::<u16>())?);
    let rate_hz = arguments.next().map_or(Ok(12.5), |n| n.parse::<f64>())?;
    // 384x256 pixels.
    let clip = ClipSource::small(&Clip::embedded()?);
    let mut deblurrer = Deblurrer::new(Box::new(CpuEngine::new(&Weights::embedded()?, 0)?));
    deblurrer.set_thresholds(Clip::THRESHOLDS);
    deblurrer.set_reblur_instants(Some(instants.len() as u16));
    let mut film = FilmWriter::create(path.as_ref(), Layout::Wipe, rate_hz)?;
    for exposure in &clip.exposures {
        let planes = deblurrer.restore(exposure, &instants)?;
        let pictures: Vec<_> = planes.iter().map(|plane| plane.to_u8()).collect();
        film.add(exposure, &instants, &pictures)?;
    }
    let film = film.finish()?;
    println!("{path}: {} frames of {}, {:.1} s", film.frames, film.size, film.seconds);
    Ok(())
}
