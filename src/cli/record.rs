//! `gem-live record`: records an MS-RBD sequence without a window.

use super::common::{seconds, thresholds};
use super::failure::Failure;
use super::filters::FilterArguments;
use super::profile::ProfileArguments;
use super::sources::SourceArguments;
use gem_live::event::Thresholds;
use gem_live::formats::npz::Packing;
use gem_live::live::{Parts, Pipeline, Playback, RigHandle, nothing, open_with_clock};
use gem_live::sequence::recorder::RecordSettings;
use gem_live::sequence::{SessionInfo, StopReason, new_sequence, recordings};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How many printed messages are remembered, so that each is printed only once.
const REMEMBERED: usize = 64;

/// Record a sequence of MS-RBD pairs.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gem-live record --source davis --frames 600 --scene street
  gem-live record --frame-source genicam --event-source davis --out SEQUENCE")]
pub(crate) struct Record {
    #[command(flatten)]
    sources: SourceArguments,
    /// Number of frames to record; two frames make a pair.
    #[arg(long, alias = "count", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    frames: u64,
    /// Folder for the sequence, new or empty [default: named by time and scene, in the folder of
    /// the window's recordings].
    #[arg(long)]
    out: Option<PathBuf>,
    /// Name of the scene, used as prefix of the file names.
    #[arg(long, default_value = "scene")]
    scene: String,
    /// Mark the scene as indoor instead of outdoor.
    #[arg(long)]
    indoor: bool,
    /// Free text to store with the recording.
    #[arg(long, default_value = "")]
    notes: String,
    /// Contrast thresholds of the event camera for the manifest: one value, or ON,OFF [default:
    /// estimated].
    #[arg(long, value_name = "C[,C]", value_parser = thresholds)]
    thresholds: Option<Thresholds>,
    #[command(flatten)]
    filters: FilterArguments,
    #[command(flatten)]
    profile: ProfileArguments,
    /// Compress the files at this deflate level; this is much slower than writing them.
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=9))]
    deflate: Option<u8>,
    /// Stop if no frame arrives for this many seconds.
    #[arg(long, alias = "patience", default_value_t = 10.0, value_parser = seconds)]
    timeout: f64,
}

impl Record {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let (handle, sources) = (RigHandle::default(), self.sources.required()?);
        handle.contrast().set(self.thresholds);
        self.profile.attach(&sources, &handle)?;
        let session = SessionInfo {
            scene: self.scene.clone(),
            indoor: self.indoor,
            notes: self.notes.clone(),
            ..SessionInfo::default()
        };
        let packing = self.deflate.map_or(Packing::Stored, Packing::Deflated);
        let settings =
            RecordSettings { frames: Some(self.frames), packing, ..RecordSettings::default() };
        let folder = self.out.clone().unwrap_or_else(|| new_sequence(&recordings(), &self.scene));
        // Start recording before the camera, so that no frame is missed.
        let mut source =
            open_with_clock(&sources, Playback::Once, self.sources.clock(), &handle, |handle| {
                handle.record(&folder, session, settings)
            })?;
        self.filters.switch_on(source.as_mut());
        let parts = Parts { source, restorer: nothing(), adapt: false, notify: Box::new(|| ()) };
        let pipeline = Pipeline::start(parts)?;
        let mut printed = VecDeque::new();
        let (mut seen, mut since, mut warned) = (0, Instant::now(), false);
        let ending = loop {
            std::thread::sleep(Duration::from_millis(20));
            for notice in pipeline.notices().list().into_iter().filter(|n| n.active) {
                if !printed.contains(&notice.text) {
                    eprintln!("gem-live: {}", notice.text);
                    // Bounded: a notice whose text changes every second must not fill memory.
                    printed.truncate(REMEMBERED - 1);
                    printed.push_front(notice.text);
                }
            }
            let Some(progress) = handle.progress() else { break None };
            if let Some(ending) = progress.ending {
                break Some(ending);
            }
            if let Some(warning) = progress.warning.filter(|_| !warned) {
                warned = true;
                eprintln!("gem-live: {warning}");
            }
            if progress.exposures > seen {
                (seen, since) = (progress.exposures, Instant::now());
            }
            if pipeline.ended() || since.elapsed().as_secs_f64() > self.timeout {
                break None;
            }
        };
        let failure = pipeline.failure();
        // Stop the camera first: frames that it has already sent are still written.
        drop(pipeline);
        let progress = handle.stop().unwrap_or_default();
        println!(
            "{} pairs from {} exposures in {} ({} lost, {} unpaired, {} files with missing events)",
            progress.pairs,
            progress.exposures,
            folder.display(),
            progress.lost,
            progress.unpaired,
            progress.missing_total,
        );
        match ending.or(progress.ending) {
            Some(StopReason::Complete) => Ok(ExitCode::SUCCESS),
            Some(StopReason::DiskFull) => Err("the disk is full: free some space".into()),
            Some(StopReason::Failed(why)) => Err(why.into()),
            Some(StopReason::Requested) | None if failure.is_some() => Err(format!(
                "stopped before {} frames were received: {}",
                self.frames,
                failure.unwrap_or_default()
            )
            .into()),
            Some(StopReason::Requested) | None if progress.pairs > 0 => {
                eprintln!("gem-live: the source ended before {} frames were received", self.frames);
                Ok(ExitCode::SUCCESS)
            }
            Some(StopReason::Requested) | None => {
                Err(format!("{sources}: no pair could be recorded").into())
            }
        }
    }
}
