//! `gem-live import`: makes MS-RBD pairs of recordings of other programs and datasets.

mod advice;
mod run;
mod unused;

use super::common::out_folder;
use super::failure::Failure;
use super::interrupt::Finishing;
use super::synth::target::{Folder, named, next_step, size};
use advice::nothing_found;
use gem_live::datagen::dataset_writer::{DatasetWriter, Summary};
use gem_live::datagen::hs_ergb::Recipe;
use gem_live::image::Size;
use gem_live::sequence::DATASET_MANIFEST;
use gem_live::sequence::import::{
    ForeignSource, FrameExposure, ImportOptions, Stamp, TimeUnit, find_foreign,
};
use indicatif::{ProgressBar, ProgressStyle};
use run::Run;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use unused::refuse_unused;

const EXAMPLES: &str = "\
Examples:
  gem-live import EXPORT --out SET --exposure-us 5000     pictures, timestamps.txt and events.csv
  gem-live import HighREV/val --out SET                   HighREV, the data of NTIRE
  gem-live import close/test --out SET --average 49       HS-ERGB: frames averaged into blurry ones
  gem-live import REBlur/test --out SET                   EFNet's HDF5 files
  gem-live import desk.bag --out SET --exposure-us 8000   a ROS 1 bag; MCAP files likewise
  gem-live test --config SET/test.yaml                    PSNR and SSIM, where there are sharp images";

/// Import recordings of other programs and datasets as MS-RBD pairs.
///
/// A source is a file or folder of a format that is read, or a folder of such; docs/IMPORTING.md
/// has the formats. Consecutive frames become pairs, every frame once. What a format leaves open is
/// stated by the options below; what was guessed is shown. Ctrl-C finishes the present pair; run
/// the same command again to resume.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Import {
    /// Files or folders.
    #[arg(required = true)]
    sources: Vec<PathBuf>,
    /// Folder for the pairs, manifest.json, train.yaml and test.yaml.
    #[arg(long, value_parser = out_folder())]
    out: PathBuf,
    /// Put the recordings into train/, test/, or split them: one in six, chosen by name, into
    /// test/.
    #[arg(long, value_enum, default_value_t = Folder::Test)]
    into: Folder,
    /// Exposure time of all frames in microseconds, where the recording has none.
    #[arg(long, value_name = "US", conflicts_with = "contiguous")]
    #[arg(value_parser = clap::value_parser!(i64).range(1..=60_000_000))]
    exposure_us: Option<i64>,
    /// Exposures follow each other without a gap: from half way to the previous frame to half way
    /// to the next, as in EFNet's GoPro. The first and the last frame are left out.
    #[arg(long)]
    contiguous: bool,
    /// What the timestamps of frames refer to, where only an exposure time is known [default:
    /// start].
    #[arg(long, value_enum)]
    stamp: Option<StampName>,
    /// Columns of the text file of events in their order, of x, y, t, p; other names are ignored.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    columns: Option<Vec<String>>,
    /// Unit of the times of events in text and npz files, and of all times in HDF5 files: s, ms,
    /// us or ns.
    #[arg(long, visible_alias = "time-unit", value_name = "UNIT", value_parser = unit)]
    event_unit: Option<TimeUnit>,
    /// Unit of the times of frames in text files: s, ms, us or ns.
    #[arg(long, value_name = "UNIT", value_parser = unit)]
    frame_unit: Option<TimeUnit>,
    /// Added to the times of events, in microseconds.
    #[arg(long, value_name = "US", default_value_t = 0, allow_negative_numbers = true)]
    event_offset_us: i64,
    /// Size of the event sensor [default: from the recording, otherwise as large as the pictures].
    #[arg(long, value_name = "WIDTHxHEIGHT", value_parser = size)]
    sensor: Option<Size>,
    /// The pictures of HDF5 files have their colours in the order blue, green, red.
    #[arg(long)]
    bgr: bool,
    /// ROS topic of frames, if there are several.
    #[arg(long, value_name = "TOPIC")]
    frame_topic: Option<String>,
    /// ROS topic of events, if there are several.
    #[arg(long, value_name = "TOPIC")]
    event_topic: Option<String>,
    /// HS-ERGB and BS-ERGB: average this many sharp frames into a blurry one.
    #[arg(long, value_name = "N", conflicts_with_all = ["exposure_us", "contiguous", "stamp"])]
    #[arg(value_parser = clap::value_parser!(u16).range(2..=10_000))]
    average: Option<u16>,
    /// With --average: number of the frames that are kept as ground truth [default: 7].
    #[arg(long, value_name = "N", requires = "average")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1000))]
    truths: Option<u16>,
    /// With --average: number of frames left out between two exposures [default: 0].
    #[arg(long, value_name = "N", requires = "average")]
    gap: Option<u16>,
}

/// Most skipped parts that are printed: a recording may have a million frames.
const PRINTED: usize = 100;
/// Most of them in the error if nothing was imported.
const IN_ERROR: usize = 6;

/// [`Stamp`] as a command line value.
#[derive(Clone, Copy, clap::ValueEnum)]
enum StampName {
    Start,
    Middle,
    End,
}

/// Refuses a recording that is named twice, also by another path: it would be in the set twice.
fn refuse_repeated(sources: &[ForeignSource]) -> Result<(), Failure> {
    let mut seen: HashMap<PathBuf, Vec<&ForeignSource>> = HashMap::new();
    for source in sources {
        let real = source.path.canonicalize().unwrap_or_else(|_| source.path.clone());
        let earlier = seen.entry(real).or_default();
        // A folder of HighREV has several sequences.
        let same = |known: &&&ForeignSource| known.path != source.path || known.name == source.name;
        if let Some(known) = earlier.iter().find(same) {
            let (path, other) = (source.path.display(), known.path.display());
            let also = match known.path == source.path {
                true => "it is named twice".to_owned(),
                false => format!("it is the recording {other}, too"),
            };
            return Err(format!("{path}: {also}: name every recording once").into());
        }
        earlier.push(source);
    }
    Ok(())
}

fn unit(text: &str) -> Result<TimeUnit, String> {
    TimeUnit::from_symbol(text).ok_or_else(|| "expected s, ms, us or ns".into())
}

impl Import {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let mut sources = Vec::new();
        for path in &self.sources {
            let found = find_foreign(path)?;
            if found.is_empty() {
                return Err(format!("{}: {}", path.display(), nothing_found(path)).into());
            }
            sources.extend(found);
        }
        refuse_unused(&self.given(), &sources)?;
        refuse_repeated(&sources)?;
        self.refuse_source(&sources)?;
        let style = ProgressStyle::with_template("{bar:32} {pos}/{len}  {eta} left  {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        // Hidden where stderr is not a terminal.
        let bar = ProgressBar::new(0).with_style(style);
        let set = DatasetWriter::open(&self.out, self.settings(&sources))?;
        let recipe = self.average.map(|average| Recipe {
            average: average.into(),
            truths: self.truths.unwrap_or(7).into(),
            gap: self.gap.unwrap_or(0).into(),
        });
        let (into, options) = (self.into, self.options());
        let mut run = Run {
            into,
            recipe,
            options,
            set,
            scale_factor: None,
            bar,
            finishing: Finishing::new(),
            stopped: false,
        };
        let names = named(&sources.iter().map(|s| PathBuf::from(&s.name)).collect::<Vec<_>>());
        for (source, name) in sources.iter().zip(&names) {
            if run.stops() {
                break;
            }
            if let Err(error) = run.source(source, name) {
                run.bar.finish_and_clear();
                run.set.abandon();
                return Err(error);
            }
        }
        run.bar.finish_and_clear();
        if run.stopped {
            let summary = run.set.abandon();
            self.print(&summary);
            if summary.recordings == 0 {
                return Err("interrupted: nothing was imported".into());
            }
            eprintln!("gem-live: interrupted: run the same command again to resume");
            return Ok(ExitCode::SUCCESS);
        }
        let Some(scale_factor) = run.scale_factor else {
            // Without a pair there is no dataset; the next run starts from the beginning.
            let skipped = run.set.abandon().skipped;
            let mut why = skipped.iter().take(IN_ERROR).cloned().collect::<Vec<_>>().join("; ");
            if skipped.len() > IN_ERROR {
                why += &format!("; and {} more", skipped.len() - IN_ERROR);
            }
            return Err(format!("nothing was imported: {why}").into());
        };
        let summary = run.set.finish(scale_factor)?;
        self.print(&summary);
        if summary.skipped.len() > PRINTED {
            let manifest = self.out.join(DATASET_MANIFEST);
            eprintln!("gem-live: {} lists all that was skipped", manifest.display());
        }
        // Training needs a whole number.
        if summary.test > 0 || scale_factor.fract() == 0.0 {
            println!("{}", next_step(&self.out, &summary));
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Refuses to write among the files that are imported: a later import would find both.
    fn refuse_source(&self, sources: &[ForeignSource]) -> Result<(), Failure> {
        // A folder that does not exist is no source.
        let Ok(out) = self.out.canonicalize() else { return Ok(()) };
        let is_out = |path: &Path| path.canonicalize().is_ok_and(|path| path == out);
        let found = sources.iter().map(|source| source.path.as_path());
        let mut all = self.sources.iter().map(PathBuf::as_path).chain(found);
        if !all.any(is_out) {
            return Ok(());
        }
        let out = self.out.display();
        Err(format!("{out}: it is part of what is imported: give another folder with --out").into())
    }

    /// The options that were given, of those that not every format uses.
    fn given(&self) -> Vec<&'static str> {
        let all = [
            ("--exposure-us", self.exposure_us.is_some()),
            ("--contiguous", self.contiguous),
            ("--stamp", self.stamp.is_some()),
            ("--columns", self.columns.is_some()),
            ("--event-unit", self.event_unit.is_some()),
            ("--frame-unit", self.frame_unit.is_some()),
            ("--bgr", self.bgr),
            ("--frame-topic", self.frame_topic.is_some()),
            ("--event-topic", self.event_topic.is_some()),
            ("--average", self.average.is_some()),
        ];
        all.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect()
    }

    fn options(&self) -> ImportOptions {
        let exposure = self.exposure_us.map(FrameExposure::Us);
        ImportOptions {
            exposure: exposure.or(self.contiguous.then_some(FrameExposure::Contiguous)),
            stamp: match self.stamp {
                None | Some(StampName::Start) => Stamp::Start,
                Some(StampName::Middle) => Stamp::Middle,
                Some(StampName::End) => Stamp::End,
            },
            columns: self
                .columns
                .clone()
                .map(|names| names.iter().map(|n| n.trim().to_ascii_lowercase()).collect()),
            event_unit: self.event_unit,
            frame_unit: self.frame_unit,
            event_offset_us: self.event_offset_us,
            sensor: self.sensor,
            bgr: self.bgr,
            frame_topic: self.frame_topic.clone(),
            event_topic: self.event_topic.clone(),
        }
    }

    /// What decides about the pairs: another run into the folder must state the same.
    fn settings(&self, sources: &[ForeignSource]) -> serde_json::Value {
        let paths: Vec<String> = sources.iter().map(|s| s.path.display().to_string()).collect();
        serde_json::json!({
            "recipe": "import", "inputs": paths, "into": self.into.name(),
            "options": format!("{:?}", self.options()), "average": self.average,
            "truths": self.truths, "gap": self.gap,
        })
    }

    fn print(&self, summary: &Summary) {
        let Summary { recordings, earlier, skipped, .. } = summary;
        for line in skipped.iter().take(PRINTED) {
            eprintln!("gem-live: skipped {line}");
        }
        if skipped.len() > PRINTED {
            eprintln!("gem-live: skipped {} more", skipped.len() - PRINTED);
        }
        println!(
            "{recordings} pairs in {} ({earlier} from earlier runs), {} parts skipped",
            self.out.display(),
            skipped.len()
        );
    }
}
