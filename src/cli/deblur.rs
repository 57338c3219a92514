//! `gem-live deblur`: restores recordings to PNG images.

mod names;
mod restorer;

use super::common::{Network, Progress, Reblur, out_folder, thresholds};
use super::consistency::{EventOptions, Findings};
use super::contact_sheet::contact_sheet;
use super::failure::Failure;
use super::film::FilmOptions;
use super::interrupt::Finishing;
use gem_live::deblur::even_instants;
use gem_live::event::Thresholds;
use gem_live::formats::film::{FilmError, FilmWriter};
use gem_live::formats::pictures::write_png;
use gem_live::sequence::{
    Blur, FileThresholds, Pair, ReadOptions, RepairedFiles, find_npz_files_counted,
};
use names::{instant_names, unique};
use restorer::{Reblurring, Restorer};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// Restore recordings (MS-RBD npz files, or folders of them) to PNG images or a film.
///
/// Every npz holds two blurry frames. Each is restored at every requested instant and written as
/// NAME_FRAME_INSTANT.png, with as many digits as distinguish the instants, or appended to the
/// film.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gem-live deblur RECORDING --out IMAGES
  gem-live deblur pair.npz --out IMAGES --frames 7 --contact-sheet
  gem-live deblur RECORDING --film slow.mp4 --frames 16 --layout side
  gem-live deblur pair.npz --out IMAGES --time-unit ns

Ctrl-C ends the work after the present file.")]
pub(crate) struct Deblur {
    /// MS-RBD npz files, or folders to search for them.
    #[arg(required = true)]
    inputs: Vec<PathBuf>,
    /// Folder for the images; may be left out with --film.
    #[arg(long, required_unless_present = "film", value_parser = out_folder())]
    out: Option<PathBuf>,
    /// Instants as fractions of the exposure: 0 is its start, 1 its end.
    #[arg(long, value_delimiter = ',', default_value = "0.5", value_parser = fraction)]
    at: Vec<f64>,
    /// Number of evenly spaced instants: the centres of N equal parts of the exposure.
    #[arg(long, value_name = "N", conflicts_with = "at")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    frames: Option<u16>,
    #[command(flatten)]
    reblur: Reblur,
    /// With five or more --frames, their difference is added by default, unless the image has three
    /// times the resolution of the events or more; this leaves it out.
    #[arg(long, requires = "frames", conflicts_with = "reblur")]
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
    events: EventOptions,
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

impl Deblur {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let instants = match self.frames {
            Some(n) => even_instants(n),
            None => self.at.clone(),
        };
        let restorer = self.restorer()?;
        let (found, ignored) = find_npz_files_counted(&self.inputs);
        let mut job = Job {
            instants: instant_names(&instants),
            contrasts: FileThresholds::new(self.thresholds)
                .timed(self.events.times())
                .pooling(found.iter().flatten()),
            findings: Findings::new(self.events),
            restorer,
            progress: Progress::new(found.len()),
            film: self.film.start()?,
            film_fails: false,
            repaired: RepairedFiles::default(),
        };
        let finishing = Finishing::new();
        let (mut failed, mut done) = (0, 0);
        let mut names = HashSet::new();
        for input in &found {
            if finishing.requested() {
                break;
            }
            let result = match input {
                Ok(path) => {
                    let name = unique(path, &mut names);
                    self.restore_file(path, &name, &mut job)
                        .map_err(|e| format!("{}: {e}", path.display()))
                }
                Err(error) => Err(error.to_string()),
            };
            done += 1;
            if let (true, Err(line)) = (job.film_fails, &result) {
                job.progress.finish();
                return Err(line.as_str().into());
            }
            let progress = &mut job.progress;
            match result {
                Ok(line) => progress.step(&line),
                Err(line) => {
                    failed += 1;
                    progress.notify(&line);
                    progress.step("failed");
                }
            }
        }
        job.progress.finish();
        job.findings.print();
        if let Some(line) = self.film.finish(job.film)? {
            println!("{line}");
        }
        if ignored.count() > 0 {
            eprintln!("gem-live: {ignored}");
        }
        if !job.repaired.is_empty() {
            eprintln!("gem-live: {}", job.repaired);
        }
        if finishing.requested() {
            let (all, restored) = (found.len(), done - failed);
            let line = format!("interrupted: {restored} of {all} inputs restored, {failed} failed");
            if restored == 0 || failed > 0 {
                return Err(line.into());
            }
            eprintln!("gem-live: {line}");
            return Ok(ExitCode::SUCCESS);
        }
        if failed > 0 {
            return Err(format!("{failed} of {} inputs failed", found.len()).into());
        }
        Ok(ExitCode::SUCCESS)
    }

    fn restorer(&self) -> Result<Restorer, Failure> {
        match self.method {
            Method::San => {
                let deblurrer = Box::new(self.network.deblurrer()?);
                Ok(Restorer::San(deblurrer, self.reblurring()))
            }
            Method::Edi if self.reblur.instants.is_some() => {
                Err("--reblur has no effect on --method edi".into())
            }
            Method::Edi => {
                self.network.reject_options("--method edi")?;
                Ok(Restorer::Edi)
            }
        }
    }

    fn reblurring(&self) -> Reblurring {
        match self.reblur.instants {
            Some(_) => Reblurring::With(self.reblur),
            None if self.frames.is_some() && !self.no_reblur => Reblurring::Default,
            None => Reblurring::Never,
        }
    }

    /// Restores one file and returns a summary line.
    fn restore_file(&self, path: &Path, name: &str, job: &mut Job) -> Result<String, Failure> {
        let options = ReadOptions { times: self.events.times(), ..ReadOptions::default() };
        let (pair, repairs) = Pair::read_with_repairs(path, &options)?;
        if !repairs.is_empty() {
            job.repaired.add(&repairs);
            job.progress.notify(&format!("{}: {repairs}", path.display()));
        }
        job.findings.check_repairs(&repairs)?;
        let mut findings = pair.findings();
        findings.retain(|finding| !finding.is_about_truth());
        job.findings.add(path, &findings, |line| job.progress.notify(line))?;
        let blurs: &[(Blur, &str)] = if self.large_blur {
            &[(Blur::Large, "large")]
        } else {
            &[(Blur::First, "1"), (Blur::Second, "2")]
        };
        let contrast = job.contrasts.of(path, &pair)?;
        let instants: Vec<f64> = job.instants.iter().map(|(instant, _)| *instant).collect();
        let mut seconds = 0.0;
        for (blur, suffix) in blurs {
            let exposure = pair.exposure(*blur)?;
            let start = Instant::now();
            let pictures = job.restorer.run(&exposure, &instants, contrast.thresholds)?;
            seconds += start.elapsed().as_secs_f64();
            if let Some(film) = &mut job.film {
                let added = film.add(&exposure, &instants, &pictures);
                let one_file = matches!(added, Ok(()) | Err(FilmError::Size { .. }));
                job.film_fails = !one_file;
                added?;
            }
            let Some(out) = &self.out else { continue };
            for (picture, (_, instant)) in pictures.iter().zip(&job.instants) {
                let file = format!("{name}_{suffix}_{instant}.png");
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

/// What is shared by the files.
struct Job {
    /// The instants, and how they are written in names of files.
    instants: Vec<(f64, String)>,
    contrasts: FileThresholds,
    findings: Findings,
    restorer: Restorer,
    progress: Progress,
    film: Option<FilmWriter>,
    /// The film cannot be written, also with other files.
    film_fails: bool,
    repaired: RepairedFiles,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::FromArgMatches;

    /// `deblur` with this option, for one recording.
    fn deblur(option: &str) -> Result<Deblur, clap::Error> {
        let command = <Deblur as clap::Args>::augment_args(clap::Command::new("deblur"));
        let given = ["deblur", option, "pair.npz", "--out", "images"];
        let matches = command.try_get_matches_from(given)?;
        let deblur = Deblur::from_arg_matches(&matches)?;
        assert_eq!(deblur.inputs, [PathBuf::from("pair.npz")]);
        Ok(deblur)
    }

    #[test]
    fn a_recording_after_reblur_is_no_number_of_instants() {
        let parse = |option: &str| deblur(option).map(|deblur| deblur.reblur.instants);
        assert_eq!(parse("--reblur").ok(), Some(Some(None)));
        assert_eq!(parse("--reblur=5").ok(), Some(Some(Some(5))));
        assert_eq!(parse("--large-blur").ok(), Some(None));
        assert!(parse("--reblur=4").is_err(), "fewer do not represent the mean");
    }

    #[test]
    fn frames_are_reblurred_by_the_rule_and_single_instants_are_not() {
        for (option, expected) in [
            ("--frames=9", Reblurring::Default),
            ("--at=0.5", Reblurring::Never),
            ("--reblur=7", Reblurring::With(Reblur { instants: Some(Some(7)) })),
            ("--reblur", Reblurring::With(Reblur { instants: Some(None) })),
        ] {
            assert_eq!(deblur(option).unwrap().reblurring(), expected, "{option}");
        }
        let mut without = deblur("--frames=9").unwrap();
        without.no_reblur = true;
        assert_eq!(without.reblurring(), Reblurring::Never);
    }
}
