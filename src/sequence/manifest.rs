//! `session.json`: what is known of a recording besides its frames.

use crate::camera::DropSnapshot;
use crate::event::Contrast;
use crate::rig::sync::LostRange;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Name of the manifest in a sequence's folder.
pub const MANIFEST: &str = "session.json";
/// Name of the small picture in a sequence's folder.
pub const THUMBNAIL: &str = "thumbnail.png";
/// Version of the manifest's form; raised when an older program could misread it.
pub const FORMAT: u32 = 1;
/// No manifest that is read is larger, in bytes. Its lists are bounded now and it stays below
/// 1 MiB; when they were not, a recording of hours had tens of MiB.
const LARGEST: u64 = 64 << 20;
/// Files that [`Progress::missing`] and [`Progress::lossy`] list at most.
pub const LISTED_FILES: usize = 50;
/// Gaps that [`Progress::missing`] lists of one file at most.
pub const LISTED_GAPS: usize = 16;

/// What is written about a recording besides its frames.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SessionInfo {
    /// Name of the scene; file names begin with it.
    pub scene: String,
    /// Indoors rather than outdoors.
    pub indoor: bool,
    /// Whatever should be remembered.
    pub notes: String,
    /// Which cameras, with serial numbers; free in form.
    pub cameras: serde_json::Value,
    /// What the cameras' controls were set to, by name.
    pub settings: serde_json::Value,
    /// Clocks and alignment; free in form.
    pub rig: serde_json::Value,
    /// Noise filters and what they removed; free in form.
    pub filters: serde_json::Value,
    /// The event camera's contrast thresholds, if they are known or were estimated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thresholds: Option<Contrast>,
}

/// Why a recording is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// It was stopped.
    #[serde(alias = "asked")]
    Requested,
    /// All frames that were asked for are there.
    Complete,
    /// The disk is as full as it may be.
    DiskFull,
    /// A file could not be written.
    Failed(String),
}

/// How a recording stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Progress {
    /// Pairs on the disk.
    pub pairs: u64,
    /// Exposures that came.
    pub exposures: u64,
    /// Exposures that could not be paired with the next: their clock was set anew between, or
    /// the next one was lost.
    pub unpaired: u64,
    /// Exposures that came and were not written, because the disk was too slow or full.
    pub lost: u64,
    /// Bytes of the files on the disk.
    pub bytes: u64,
    /// From the first exposure's start to the last one's end, without what lies between two
    /// clocks, in microseconds.
    pub duration_us: i64,
    /// Exposures that wait for the disk now.
    pub waiting: u64,
    /// Number of files with events missing.
    pub missing_total: u64,
    /// The first [`LISTED_FILES`] of them, and where events are missing. The last one of
    /// [`LISTED_GAPS`] gaps reaches to the end of the file's last gap. Empty while a recording
    /// runs: [`super::recorder::Recorder::progress`] gives counts only.
    pub missing: Vec<(String, Vec<LostRange>)>,
    /// Number of files with an exposure of which the camera itself lost events, at unknown times.
    pub lossy_total: u64,
    /// The first [`LISTED_FILES`] of them; empty while a recording runs.
    pub lossy: Vec<String>,
    /// The disk will be full soon, or is too slow.
    pub warning: Option<String>,
    /// Why it is over, once it is.
    pub ending: Option<StopReason>,
}

impl Progress {
    /// Bounds the lists of a manifest that was written when they had no bound and no count.
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

/// Keeps [`LISTED_GAPS`] gaps; the last one covers all that follow it.
pub(crate) fn bound_gaps(gaps: &mut Vec<LostRange>) {
    let end = gaps.iter().map(|gap| gap.until_us).max();
    gaps.truncate(LISTED_GAPS);
    if let (Some(last), Some(end)) = (gaps.last_mut(), end) {
        last.until_us = last.until_us.max(end);
    }
    gaps.shrink_to_fit();
}

/// A counter of losses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Lost {
    /// Where, as [`crate::camera::DropCause`] is written.
    pub cause: String,
    /// What, as [`crate::camera::DropUnit`] is written.
    pub unit: String,
    /// How many.
    pub count: u64,
}

impl Lost {
    /// The same in words.
    pub fn new(snapshot: &DropSnapshot) -> Self {
        let word = |v: serde_json::Result<serde_json::Value>| {
            v.ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
        };
        Self {
            cause: word(serde_json::to_value(snapshot.cause)),
            unit: word(serde_json::to_value(snapshot.unit)),
            count: snapshot.count,
        }
    }
}

/// Shapes of what was recorded, as the first pair has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Shapes {
    /// Width and height of the frames in pixels.
    pub image: [usize; 2],
    /// 1 for gray, 3 for colour.
    pub channels: usize,
    /// Width and height of the event sensor in pixels.
    pub sensor: [usize; 2],
    /// The files hold sharp images.
    pub truth: bool,
}

/// The whole of `session.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Manifest {
    /// The program that wrote it.
    pub software: String,
    /// Its version.
    pub version: String,
    /// [`FORMAT`] when it was written.
    pub format: u32,
    /// When recording began: RFC 3339, UTC.
    pub started: String,
    /// What the person said, and cameras, clocks, alignment, filters.
    pub session: SessionInfo,
    /// Shapes, once there is a pair.
    pub shapes: Option<Shapes>,
    /// How far it came.
    pub progress: Progress,
    /// What was lost while it was recorded, by cause.
    pub drops: Vec<Lost>,
}

/// Why a folder has no manifest that can be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It is not there, or cannot be read.
    #[error("{MANIFEST}: {0}")]
    Io(#[from] std::io::Error),
    /// It is damaged.
    #[error("{MANIFEST} is damaged: {0}")]
    Json(#[from] serde_json::Error),
    /// Something else of that name.
    #[error("{MANIFEST} was not written by this program")]
    Foreign,
    /// Larger than any that this program reads.
    #[error("{MANIFEST} has {} MiB; at most {} MiB are read", .0 >> 20, LARGEST >> 20)]
    TooLarge(u64),
    /// From a later version.
    #[error("{MANIFEST} was written by a later version ({0}): update this program")]
    Later(String),
}

impl Manifest {
    /// A recording that begins now.
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

    /// Reads the manifest of a sequence's folder. Fields that are not there have their empty
    /// value, and unknown ones are passed over.
    ///
    /// # Errors
    /// There is none, or it is not one of ours.
    pub fn read(folder: &Path) -> Result<Self, ManifestError> {
        let path = folder.join(MANIFEST);
        let bytes = std::fs::metadata(&path)?.len();
        if bytes > LARGEST {
            return Err(ManifestError::TooLarge(bytes));
        }
        let mut manifest: Self = serde_json::from_slice(&std::fs::read(path)?)?;
        manifest.progress.bound_lists();
        if manifest.software != env!("CARGO_PKG_NAME") {
            return Err(ManifestError::Foreign);
        }
        if manifest.format > FORMAT {
            return Err(ManifestError::Later(manifest.version));
        }
        Ok(manifest)
    }

    /// When recording began, on this computer's clock, for people: `2026-11-25 14:03`.
    pub fn began(&self) -> Option<String> {
        let at: jiff::Timestamp = self.started.parse().ok()?;
        let zone = jiff::tz::TimeZone::system();
        Some(at.to_zoned_datetime(zone).strftime("%Y-%m-%d %H:%M").to_string())
    }

    /// The cameras in one line for people: model and serial number of each that is told.
    pub fn cameras(&self) -> String {
        let mut found = Vec::new();
        collect(&self.session.cameras, &mut found, 0);
        found.join(", ")
    }

    /// Serial number of the event camera: of the only camera, or of the one for events.
    pub fn event_camera(&self) -> Option<String> {
        let cameras = &self.session.cameras;
        let camera = cameras.get("events").unwrap_or(cameras);
        let serial = camera.get("serial")?.as_str()?;
        (!serial.is_empty()).then(|| serial.to_owned())
    }
}

/// Every object with a `model` in what is free in form.
fn collect(value: &serde_json::Value, found: &mut Vec<String>, depth: usize) {
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
            map.values().for_each(|v| collect(v, found, depth + 1));
        }
        Value::Array(list) => list.iter().for_each(|v| collect(v, found, depth + 1)),
        _ => {}
    }
}

/// What may stand in the name of a file anywhere: letters, digits and `-`, others as `_`.
pub fn file_name(scene: &str) -> String {
    let sound = |c: char| if c.is_alphanumeric() || c == '-' { c } else { '_' };
    let name: String = scene.trim().chars().take(64).map(sound).collect();
    if name.is_empty() { "scene".to_owned() } else { name }
}
