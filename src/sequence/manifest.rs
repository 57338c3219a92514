//! `session.json`: the metadata of a recording.

use crate::camera::DropSnapshot;
use crate::event::Contrast;
use crate::formats::input;
use crate::time::RangeUs;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Name of the manifest in the folder of a sequence.
pub const MANIFEST: &str = "session.json";
/// Name of the thumbnail in the folder of a sequence.
pub const THUMBNAIL: &str = "thumbnail.png";
/// Version of the manifest's format, incremented when an older program could misread it.
pub const FORMAT: u32 = 1;
/// Maximum size of a manifest that is read, in bytes. Lists are bounded now, which keeps it below
/// 1 MiB; before that, a recording of hours had tens of MiB.
const MAX_BYTES: u64 = 64 << 20;
/// Maximum number of files in [`Progress::missing`] and [`Progress::lossy`].
pub const LISTED_FILES: usize = 50;
/// Maximum number of gaps per file in [`Progress::missing`].
pub const LISTED_GAPS: usize = 16;

/// Metadata of a recording.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SessionInfo {
    /// Name of the scene; file names begin with it.
    pub scene: String,
    /// Indoors rather than outdoors.
    pub indoor: bool,
    /// Notes of the user.
    pub notes: String,
    /// The cameras with their serial numbers; the JSON has no fixed schema.
    pub cameras: serde_json::Value,
    /// The camera controls, by name.
    pub settings: serde_json::Value,
    /// Clocks and alignment; the JSON has no fixed schema.
    pub rig: serde_json::Value,
    /// Noise filters and what they removed; the JSON has no fixed schema.
    pub filters: serde_json::Value,
    /// The event camera's contrast thresholds, if known or estimated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thresholds: Option<Contrast>,
}

/// Why a recording ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// It was stopped by the user or the program.
    #[serde(alias = "asked")]
    Requested,
    /// All requested frames were recorded.
    Complete,
    /// The program was interrupted, for example with Ctrl-C.
    Interrupted,
    /// The disk has reached its reserve of free space.
    DiskFull,
    /// A file could not be written.
    Failed(String),
}

/// Progress of a recording.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Progress {
    /// Number of pairs on the disk.
    pub pairs: u64,
    /// Number of exposures that were received.
    pub exposures: u64,
    /// Exposures that could not be paired with the next one, because the clock was reset between
    /// them or the next one was lost.
    pub unpaired: u64,
    /// Exposures that were not written, because the disk was too slow or full.
    pub lost: u64,
    /// Size of the files on the disk in bytes.
    pub bytes: u64,
    /// Recorded time in microseconds, from the first exposure's start to the last one's end,
    /// without gaps between clock epochs.
    pub duration_us: i64,
    /// Number of exposures that wait for the disk.
    pub waiting: u64,
    /// Number of files without event data for a part of an exposure: events were lost, or the first or
    /// last one of a recording that is played lies within the exposure.
    pub missing_total: u64,
    /// The first [`LISTED_FILES`] of them, with the time ranges in which events are missing. If
    /// there are more than [`LISTED_GAPS`] gaps, the last one is extended to cover the rest. Empty
    /// while a recording runs: [`super::recorder::Recorder::progress`] has counts only.
    pub missing: Vec<(String, Vec<RangeUs>)>,
    /// Number of files with an exposure in which the camera itself lost events, at unknown times.
    pub lossy_total: u64,
    /// The first [`LISTED_FILES`] of them; empty while a recording runs.
    pub lossy: Vec<String>,
    /// A warning that the disk is too slow or will soon be full.
    pub warning: Option<String>,
    /// Why the recording ended; `None` while it runs.
    pub ending: Option<StopReason>,
}

impl Progress {
    /// Bounds the lists of a manifest from a version that had no bounds and no counts.
    fn bound_lists(&mut self) {
        self.missing_total = self.missing_total.max(self.missing.len() as u64);
        self.lossy_total = self.lossy_total.max(self.lossy.len() as u64);
        self.missing.truncate(LISTED_FILES);
        self.missing.shrink_to_fit();
        self.missing.iter_mut().for_each(|(_, gaps)| bound_gaps(gaps));
        self.lossy.truncate(LISTED_FILES);
        self.lossy.shrink_to_fit();
    }
}

/// Keeps [`LISTED_GAPS`] gaps; the last one is extended to cover the rest.
pub(crate) fn bound_gaps(gaps: &mut Vec<RangeUs>) {
    let end = gaps.iter().map(|gap| gap.until_us).max();
    gaps.truncate(LISTED_GAPS);
    if let (Some(last), Some(end)) = (gaps.last_mut(), end) {
        last.until_us = last.until_us.max(end);
    }
    gaps.shrink_to_fit();
}

/// A loss counter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LossCount {
    /// The cause, in the serialized form of [`crate::camera::DropCause`].
    pub cause: String,
    /// The unit, in the serialized form of [`crate::camera::DropUnit`].
    pub unit: String,
    /// Number of lost units.
    pub count: u64,
}

impl LossCount {
    /// Converts a counter to its serialized form.
    pub fn new(snapshot: &DropSnapshot) -> Self {
        let to_string = |v: serde_json::Result<serde_json::Value>| {
            v.ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
        };
        Self {
            cause: to_string(serde_json::to_value(snapshot.cause)),
            unit: to_string(serde_json::to_value(snapshot.unit)),
            count: snapshot.count,
        }
    }
}

/// Shapes of the recorded data, from the first pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Shapes {
    /// Width and height of the frames in pixels.
    pub image: [usize; 2],
    /// 1 for gray, 3 for colour.
    pub channels: usize,
    /// Width and height of the event sensor in pixels.
    pub sensor: [usize; 2],
    /// Whether the files contain sharp images.
    pub truth: bool,
}

/// The contents of `session.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Manifest {
    /// Name of the program that wrote it.
    pub software: String,
    /// Its version.
    pub version: String,
    /// Value of [`FORMAT`] when it was written.
    pub format: u32,
    /// Start of the recording: RFC 3339, UTC.
    pub started: String,
    /// Metadata from the user, and of cameras, clocks, alignment and filters.
    pub session: SessionInfo,
    /// Shapes, after the first pair.
    pub shapes: Option<Shapes>,
    /// Progress of the recording.
    pub progress: Progress,
    /// Losses during the recording, per cause.
    pub drops: Vec<LossCount>,
}

/// Why a folder has no usable manifest.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The file is missing or cannot be read.
    #[error("{MANIFEST}: {0}")]
    Io(#[from] std::io::Error),
    /// The file is damaged.
    #[error("{MANIFEST} is damaged: {0}")]
    Json(#[from] serde_json::Error),
    /// Another program's file with the same name.
    #[error("{MANIFEST} was not written by this program")]
    Foreign,
    /// The file is too large.
    #[error("{MANIFEST} has {} MiB; at most {} MiB are read", .0 >> 20, MAX_BYTES >> 20)]
    TooLarge(u64),
    /// The file is from a later version.
    #[error("{MANIFEST} was written by a later version ({0}): update this program")]
    Later(String),
}

impl Manifest {
    /// The manifest of a recording that starts now.
    pub fn new(session: SessionInfo) -> Self {
        Self {
            software: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            format: FORMAT,
            started: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            session,
            ..Self::default()
        }
    }

    /// Reads the manifest in the folder of a sequence. Missing fields get their default values, and
    /// unknown fields are ignored.
    ///
    /// # Errors
    /// The manifest is missing, damaged, too large, from a later version or from another program.
    pub fn read(folder: &Path) -> Result<Self, ManifestError> {
        let path = folder.join(MANIFEST);
        let bytes = std::fs::metadata(&path)?.len();
        if bytes > MAX_BYTES {
            return Err(ManifestError::TooLarge(bytes));
        }
        let mut manifest: Self = serde_json::from_slice(&input::read(&path, MAX_BYTES)?)?;
        manifest.progress.bound_lists();
        if manifest.software != env!("CARGO_PKG_NAME") {
            return Err(ManifestError::Foreign);
        }
        if manifest.format > FORMAT {
            return Err(ManifestError::Later(manifest.version));
        }
        Ok(manifest)
    }

    /// Start of the recording in local time, for the user: `2026-11-25 14:03`.
    pub fn began(&self) -> Option<String> {
        let at: jiff::Timestamp = self.started.parse().ok()?;
        let zone = jiff::tz::TimeZone::system();
        Some(at.to_zoned_datetime(zone).strftime("%Y-%m-%d %H:%M").to_string())
    }

    /// Model and serial number of each camera in the metadata, in one line for the user.
    pub fn cameras(&self) -> String {
        let mut found = Vec::new();
        collect_cameras(&self.session.cameras, &mut found, 0);
        found.join(", ")
    }

    /// Serial number of the event camera: of the only camera, or of the one that records events.
    pub fn event_camera(&self) -> Option<String> {
        let cameras = &self.session.cameras;
        let camera = cameras.get("events").unwrap_or(cameras);
        let serial = camera.get("serial")?.as_str()?;
        (!serial.is_empty()).then(|| serial.to_owned())
    }
}

/// Collects every object with a `model` in JSON without a fixed schema.
fn collect_cameras(value: &serde_json::Value, found: &mut Vec<String>, depth: usize) {
    use serde_json::Value;
    if depth > 4 {
        return;
    }
    match value {
        Value::Object(map) => {
            let text = |key: &str| map.get(key).and_then(Value::as_str).unwrap_or("");
            if !text("model").is_empty() {
                found.push(format!("{} {}", text("model"), text("serial")).trim_end().to_owned());
            }
            map.values().for_each(|v| collect_cameras(v, found, depth + 1));
        }
        Value::Array(list) => list.iter().for_each(|v| collect_cameras(v, found, depth + 1)),
        _ => {}
    }
}
