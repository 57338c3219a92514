//! `gem-live record`: records an MS-RBD sequence without a window.

use super::common::{out_folder, seconds, thresholds, without_effect};
use super::consistency::EventOptions;
use super::failure::Failure;
use super::filters::FilterArguments;
use super::interrupt::Finishing;
use super::losses::losses;
use super::profile::ProfileArguments;
use super::sources::SourceArguments;
use gem_live::event::Thresholds;
use gem_live::formats::npz::Packing;
use gem_live::live::{
    OpenSettings, Parts, Pipeline, Playback, RigHandle, Sources, open_with_clock, pass_through,
};
use gem_live::program;
use gem_live::sequence::recorder::{RecordSettings, discard_empty};
use gem_live::sequence::{Progress, SessionInfo, StopReason, new_sequence, recordings};
use std::cell::Cell;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How many printed messages are remembered, so that each is printed only once.
const REMEMBERED: usize = 64;

/// Record a sequence of MS-RBD pairs.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gem-live record --source davis --frames 600 --scene street
  gem-live record --frame-source genicam --event-source davis --out SEQUENCE
  gem-live record --source replay:FILE.aedat4 --frames 1000 --out SEQUENCE

Ctrl-C ends the recording; what was recorded is kept.")]
pub(crate) struct Record {
    #[command(flatten)]
    sources: SourceArguments,
    /// Number of frames to record, at least 2; two frames make a pair.
    #[arg(long, alias = "count", default_value_t = 60)]
    #[arg(value_parser = clap::value_parser!(u64).range(2..))]
    frames: u64,
    /// Folder for the sequence, new or empty [default: named by time and scene, in the folder of
    /// the window's recordings].
    #[arg(long, value_parser = out_folder())]
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
    #[command(flatten)]
    events: EventOptions,
    /// Compress the files at this deflate level; this is much slower than writing them.
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=9))]
    deflate: Option<u8>,
    /// Stop if no frame arrives for this many seconds [default: 10, for recordings 120]. A source
    /// that is busy, such as a damaged file, has four more seconds to end.
    #[arg(long, alias = "patience", value_parser = seconds)]
    timeout: Option<f64>,
}

/// How a recording ended.
struct RecordingEnd {
    ending: Option<StopReason>,
    progress: Progress,
    /// Why the source failed permanently.
    failure: Option<String>,
    /// What contradicts between events and exposures.
    remarks: Vec<String>,
    interrupted: bool,
    /// No exposure arrived for as long as the user waits.
    timed_out: bool,
}

impl Record {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let sources = self.sources.required()?;
        if sources.recording().is_none() {
            without_effect("a camera", self.events.given())?;
        }
        let folder = match &self.out {
            Some(folder) => folder.clone(),
            None => new_sequence(&recordings(), &self.scene),
        };
        let (created, started) = (!folder.exists(), Cell::new(false));
        let result = self.record(&sources, &folder, &started);
        let empty = !matches!(&result, Ok(ended) if ended.progress.pairs > 0);
        if started.get() && empty {
            // A recording of nothing must not stand in the way of the next one.
            let _ = discard_empty(&folder, created);
        }
        self.conclude(&sources, result?)
    }

    /// Records into a folder; sets `started` once it holds the beginning of a recording.
    fn record(
        &self,
        sources: &Sources,
        folder: &Path,
        started: &Cell<bool>,
    ) -> Result<RecordingEnd, Failure> {
        let handle = RigHandle::default();
        handle.contrast().set(self.thresholds);
        self.profile.attach(sources, &handle)?;
        let session = SessionInfo {
            scene: self.scene.clone(),
            indoor: self.indoor,
            notes: self.notes.clone(),
            ..SessionInfo::default()
        };
        let packing = self.deflate.map_or(Packing::Stored, Packing::Deflated);
        let settings =
            RecordSettings { frames: Some(self.frames), packing, ..RecordSettings::default() };
        let open = OpenSettings {
            clock: self.sources.clock(),
            times: self.events.times(),
            strict: self.events.strict,
        };
        let finishing = Finishing::new();
        // Start recording before the camera, so that no frame is missed.
        let mut source = open_with_clock(sources, Playback::Once, open, &handle, |handle| {
            handle.record(folder, session, settings)?;
            started.set(true);
            Ok(())
        })?;
        self.filters.switch_on(source.as_mut());
        let parts =
            Parts { source, restorer: pass_through(), adapt: false, notify: Box::new(|| ()) };
        let pipeline = Pipeline::start(parts)?;
        let (ending, timed_out) =
            self.wait(&pipeline, &handle, &finishing, self.timeout_s(sources));
        let (failure, remarks) = (pipeline.failure(), pipeline.remarks());
        // What the camera still sends after the last frame is not lost.
        let lost = ending.is_some().then(|| handle.losses());
        // Stop the camera first: frames that it has already sent are still written.
        drop(pipeline);
        let interrupted = finishing.requested();
        let progress = if interrupted { handle.interrupt() } else { handle.stop() };
        let progress = progress.unwrap_or_default();
        let lost = losses(&lost.unwrap_or_else(|| handle.losses()));
        if progress.pairs > 0 {
            println!(
                "{} pairs from {} exposures in {}: {} unpaired, {} partly without event data, {lost}",
                progress.pairs,
                progress.exposures,
                folder.display(),
                progress.unpaired,
                progress.missing_total,
            );
        } else {
            println!("no pair was recorded from {} exposures; {lost}", progress.exposures);
        }
        Ok(RecordingEnd { ending, progress, failure, remarks, interrupted, timed_out })
    }

    /// Waits for the end of the recording, or of the source, or for the timeout; `true` for
    /// the last one.
    fn wait(
        &self,
        pipeline: &Pipeline,
        handle: &RigHandle,
        finishing: &Finishing,
        timeout_s: f64,
    ) -> (Option<StopReason>, bool) {
        let mut printed = VecDeque::new();
        let (mut seen, mut since, mut warned) = (0, Instant::now(), false);
        loop {
            std::thread::sleep(Duration::from_millis(20));
            let failure = pipeline.failure();
            for notice in pipeline.notices().list().into_iter().filter(|n| n.active) {
                // It becomes the error.
                if failure.as_ref().is_some_and(|why| notice.text.ends_with(why)) {
                    continue;
                }
                if !printed.contains(&notice.text) {
                    eprintln!("gem-live: {}", program::in_advice(&notice.text));
                    // Bounded: a notice whose text changes every second must not fill memory.
                    printed.truncate(REMEMBERED - 1);
                    printed.push_front(notice.text);
                }
            }
            let Some(progress) = handle.progress() else { return (None, false) };
            if let Some(ending) = progress.ending {
                return (Some(ending), false);
            }
            if let Some(warning) = progress.warning.filter(|_| !warned) {
                warned = true;
                eprintln!("gem-live: {warning}");
            }
            if progress.exposures > seen {
                (seen, since) = (progress.exposures, Instant::now());
            }
            let impatient = since.elapsed().as_secs_f64() > timeout_s;
            if pipeline.ended() || impatient || finishing.requested() {
                return (None, impatient);
            }
        }
    }

    /// A slow disk is not a broken camera: reading a recording may take longer.
    fn timeout_s(&self, sources: &Sources) -> f64 {
        self.timeout.unwrap_or(if sources.recording().is_some() { 120.0 } else { 10.0 })
    }

    fn conclude(&self, sources: &Sources, ended: RecordingEnd) -> Result<ExitCode, Failure> {
        let RecordingEnd { ending, progress, failure, remarks, interrupted, timed_out } = ended;
        if let (true, Some(remark)) = (self.events.strict, remarks.first()) {
            return Err(remark.as_str().into());
        }
        match ending.or(progress.ending) {
            Some(StopReason::Complete) if progress.pairs > 0 => Ok(ExitCode::SUCCESS),
            Some(StopReason::DiskFull) => Err("the disk is full: free some space".into()),
            Some(StopReason::Failed(why)) => Err(why.into()),
            _ if interrupted && progress.pairs > 0 => Ok(ExitCode::SUCCESS),
            _ if interrupted => Err("interrupted before a pair was recorded".into()),
            _ => match failure {
                Some(why) => {
                    Err(format!("stopped before {} frames were received: {why}", self.frames)
                        .into())
                }
                None if progress.pairs > 0 => {
                    eprintln!(
                        "gem-live: the source ended before {} frames were received",
                        self.frames
                    );
                    Ok(ExitCode::SUCCESS)
                }
                None if timed_out => {
                    let what = match sources.recording().is_some() {
                        true => "the recording is still being read",
                        false => "check the camera",
                    };
                    Err(format!(
                        "{sources}: no exposure for {} seconds: {what}, or wait longer with --timeout",
                        self.timeout_s(sources)
                    )
                    .into())
                }
                None => {
                    let what = match progress.exposures {
                        0 | 1 => "it takes two exposures",
                        _ => {
                            "no two exposures follow each other with all events between them: they \
                             overlap (is the exposure time too long?), frames or events are missing \
                             between them, or their sizes differ"
                        }
                    };
                    Err(format!("{sources}: no pair recorded: {what}").into())
                }
            },
        }
    }
}
