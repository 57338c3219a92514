//! `gem-live deblur`: restores recordings to PNG images.

use super::common::{Network, Progress, thresholds, write_png};
use super::contact_sheet::contact_sheet;
use super::failure::Failure;
use super::film::{FilmMaker, FilmOptions};
use gem_live::Deblurrer;
use gem_live::deblur::{edi, reblur};
use gem_live::event::Thresholds;
use gem_live::exposure::Exposure;
use gem_live::image::{ImageU8, Rounding};
use gem_live::sequence::{Blur, Contrasts, MendedFiles, Pair, ReadOptions, find_counted};
use gem_live::time::TimeRange;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// Restore recordings (MS-RBD npz files, or folders of them) to PNG images or a film.
///
/// Every npz holds two blurry frames. Each is restored at every requested instant and written as
/// NAME_FRAME_INSTANT.png, or appended to the film.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gem-live deblur RECORDING --out IMAGES
  gem-live deblur pair.npz --out IMAGES --frames 7 --contact-sheet
  gem-live deblur RECORDING --film slow.mp4 --frames 16 --layout side")]
pub(crate) struct Deblur {
    /// MS-RBD npz files, or folders to search for them.
    #[arg(required = true)]
    inputs: Vec<PathBuf>,
    /// Folder for the images; may be left out with --film.
    #[arg(long, required_unless_present = "film")]
    out: Option<PathBuf>,
    /// Instants as fractions of the exposure: 0 is its start, 1 its end.
    #[arg(long, value_delimiter = ',', default_value = "0.5", value_parser = fraction)]
    at: Vec<f64>,
    /// Number of evenly spaced instants: the centres of N equal parts of the exposure.
    #[arg(long, value_name = "N", conflicts_with = "at")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    frames: Option<u16>,
    /// With --frames: do not make the mean of the restored images equal to the blurry frame.
    #[arg(long, requires = "frames")]
    no_reblur: bool,
    /// The network (san), or the event-based double integral (edi), which needs no weights.
    #[arg(long, value_enum, default_value_t = Method::San)]
    method: Method,
    /// Contrast thresholds of the event camera: one value, or ON,OFF [default: from the manifest of
    /// the recording or dataset, otherwise estimated].
    #[arg(long, value_name = "C[,C]", value_parser = thresholds)]
    thresholds: Option<Thresholds>,
    /// Restore the mean of both frames as one long exposure.
    #[arg(long)]
    large_blur: bool,
    /// Also write NAME_FRAME_sheet.png: blurry image, events and restored images side by side.
    #[arg(long, requires = "out")]
    contact_sheet: bool,
    #[command(flatten)]
    film: FilmOptions,
    #[command(flatten)]
    network: Network,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Method {
    San,
    Edi,
}

fn fraction(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(f) if (0.0..=1.0).contains(&f) => Ok(f),
        _ => Err("expected an instant as a fraction of the exposure, from 0 to 1".into()),
    }
}

/// The method that restores an exposure.
enum Restorer {
    San(Box<Deblurrer>),
    Edi,
}

impl Restorer {
    fn run(
        &mut self,
        exposure: &Exposure,
        instants: &[f64],
        thresholds: Thresholds,
        reblurred: bool,
    ) -> Result<Vec<ImageU8>, Failure> {
        match self {
            Self::San(deblurrer) if reblurred => {
                deblurrer.set_thresholds(thresholds);
                let mut planes = deblurrer.restore(exposure, instants)?;
                reblur(&exposure.frame, &mut planes);
                Ok(planes.iter().map(|p| p.to_picture()).collect())
            }
            Self::San(deblurrer) => {
                deblurrer.set_thresholds(thresholds);
                Ok(deblurrer.restore_pictures(exposure, instants, Rounding::Down)?)
            }
            Self::Edi => {
                let targets: Vec<TimeRange> =
                    instants.iter().map(|f| TimeRange::instant(exposure.span.at(*f))).collect();
                let planes = edi(exposure, &targets, thresholds)?;
                Ok(planes.iter().map(|p| p.to_picture()).collect())
            }
        }
    }
}

impl Deblur {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let instants = match self.frames {
            Some(n) => (0..n).map(|i| (f64::from(i) + 0.5) / f64::from(n)).collect(),
            None => self.at.clone(),
        };
        let mut restorer = match self.method {
            Method::San => Restorer::San(Box::new(self.network.deblurrer()?)),
            Method::Edi => {
                self.network.reject_options("--method edi")?;
                Restorer::Edi
            }
        };
        let mut film = self.film.start()?;
        let mut contrasts = Contrasts::new(self.thresholds);
        let (found, passed_over) = find_counted(&self.inputs);
        let mut mended = MendedFiles::default();
        let mut progress = Progress::new(found.len());
        let mut failed = 0;
        let mut names = HashSet::new();
        for input in &found {
            let result = match input {
                Ok(path) => {
                    let name = unique(path, &mut names);
                    let read = Pair::read_mended(path, &ReadOptions::default());
                    read.map_err(Failure::from)
                        .and_then(|(pair, repairs)| {
                            if !repairs.is_empty() {
                                mended.add(&repairs);
                                progress.notify(&format!("{}: {repairs}", path.display()));
                            }
                            let job = (path.as_path(), name.as_str(), &pair);
                            let film = film.as_mut();
                            self.restore_file(job, &instants, &mut restorer, &mut contrasts, film)
                        })
                        .map_err(|e| format!("{}: {e}", path.display()))
                }
                Err(error) => Err(error.to_string()),
            };
            match result {
                Ok(line) => progress.step(&line),
                Err(line) => {
                    failed += 1;
                    progress.notify(&line);
                    progress.step("failed");
                }
            }
        }
        progress.finish();
        if let Some((film, path)) = film.zip(self.film.film.as_ref()) {
            println!("{}", film.finish(path)?);
        }
        if passed_over.count() > 0 {
            eprintln!("gem-live: {passed_over}");
        }
        if !mended.is_empty() {
            eprintln!("gem-live: {mended}");
        }
        if failed > 0 {
            return Err(format!("{failed} of {} inputs failed", found.len()).into());
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Restores one file and returns a summary line.
    fn restore_file(
        &self,
        (path, name, pair): (&Path, &str, &Pair),
        instants: &[f64],
        restorer: &mut Restorer,
        contrasts: &mut Contrasts,
        mut film: Option<&mut FilmMaker>,
    ) -> Result<String, Failure> {
        let blurs: &[(Blur, &str)] = if self.large_blur {
            &[(Blur::Large, "large")]
        } else {
            &[(Blur::First, "1"), (Blur::Second, "2")]
        };
        let contrast = contrasts.of(path, pair)?;
        let mut seconds = 0.0;
        for (blur, suffix) in blurs {
            let exposure = pair.exposure(*blur)?;
            let start = Instant::now();
            let reblurred = self.frames.is_some() && !self.no_reblur;
            let pictures = restorer.run(&exposure, instants, contrast.thresholds, reblurred)?;
            seconds += start.elapsed().as_secs_f64();
            if let Some(film) = &mut film {
                film.add(&exposure, instants, &pictures)?;
            }
            let Some(out) = &self.out else { continue };
            for (picture, instant) in pictures.iter().zip(instants) {
                let file = format!("{name}_{suffix}_{instant:.3}.png");
                write_png(&out.join(file), picture)?;
            }
            if self.contact_sheet {
                let sheet = contact_sheet(&exposure, &pictures);
                write_png(&out.join(format!("{name}_{suffix}_sheet.png")), &sheet)?;
            }
        }
        let count = blurs.len() * instants.len();
        let ms = seconds * 1e3;
        Ok(format!("{}: {count} restored in {ms:.0} ms, threshold {contrast}", path.display()))
    }
}

/// The file's stem, made unique among `taken` by prepending its folders or appending a number.
fn unique(path: &Path, taken: &mut HashSet<String>) -> String {
    let part = |p: &Path| p.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mut name = part(path);
    for folder in path.ancestors().skip(1) {
        if !taken.contains(&name) {
            break;
        }
        if let Some(folder) = folder.file_name() {
            name = format!("{}_{name}", folder.to_string_lossy());
        }
    }
    let plain = name.clone();
    let mut number = 2;
    while taken.contains(&name) {
        name = format!("{plain}_{number}");
        number += 1;
    }
    taken.insert(name.clone());
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_one_name_are_distinguished_by_their_folders() {
        let mut taken = HashSet::new();
        let mut name = |p: &str| unique(Path::new(p), &mut taken);
        assert_eq!(name("a/x.npz"), "x");
        assert_eq!(name("b/x.npz"), "b_x");
        assert_eq!(name("c/b/x.npz"), "c_b_x");
        assert_eq!(name("b/x.npz"), "b_x_2");
    }
}
