//! Lists, previews and deletes the sequences in a folder.
//!
//! [`list`] and [`thumbnail`] read from the disk: call them on a worker thread.

mod delete;
mod file_names;

pub use delete::{Deleted, delete};

use super::{Manifest, ManifestError, Progress, StopReason, THUMBNAIL, file_name};
use crate::formats::input;
use crate::image::{ImageU8, Size};
use crate::sequence::{Pair, PairHeader};
use file_names::{is_npz, is_partial, is_recorder_file, name};
use std::path::{Path, PathBuf};

/// Longer side of a thumbnail in pixels.
pub const THUMBNAIL_SIDE: usize = 192;
/// Longest side of a stored thumbnail that is read, in pixels.
const MAX_THUMBNAIL_SIDE: u32 = 2048;
/// Maximum number of unreadable files that a sequence names; the others are only counted.
const MAX_NAMED: usize = 20;

/// A folder of pairs, with what a browser shows of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sequence {
    /// The folder; it is played with `replay:FOLDER`.
    pub folder: PathBuf,
    /// Name of the folder.
    pub name: String,
    /// The manifest; `None` for a folder of pairs from another program, and where the manifest
    /// cannot be read.
    pub manifest: Option<Manifest>,
    /// Number of frames in readable files.
    pub frames: u64,
    /// Total duration of the readable files, in microseconds.
    pub duration_us: i64,
    /// Size on the disk in bytes, of all files that [`delete`] would remove.
    pub bytes: u64,
    /// Size of the frames; `None` without a readable file.
    pub image: Option<Size>,
    /// Whether all files contain sharp images.
    pub truth: bool,
    /// Faults as text for the user; empty if there are none.
    pub broken: Vec<String>,
}

impl Sequence {
    /// Name of the scene, or of the folder if the scene has no name.
    pub fn scene(&self) -> &str {
        let scene = self.manifest.as_ref().map_or("", |m| m.session.scene.trim());
        if scene.is_empty() { &self.name } else { scene }
    }

    /// Date and time of the recording as text for the user; empty if unknown.
    pub fn date(&self) -> String {
        self.manifest.as_ref().and_then(Manifest::began).unwrap_or_default()
    }

    /// Frames that were lost during the recording, in the recorder and before it.
    pub fn lost_frames(&self) -> u64 {
        let Some(manifest) = &self.manifest else { return 0 };
        let frames = manifest.drops.iter().filter(|d| d.unit == "frames");
        // Frames that only the display skipped were recorded. Older versions counted them as
        // dropped by the engine.
        let kept = |cause: &str| ["skipped", "engine", "display"].contains(&cause);
        frames.filter(|d| !kept(&d.cause)).fold(0, |sum, d| sum.saturating_add(d.count))
    }

    /// Whether [`delete`] may delete it: only sequences with a manifest of this program.
    pub fn can_delete(&self) -> bool {
        self.manifest.is_some()
    }
}

/// Why a library cannot be listed, or a sequence cannot be previewed or deleted.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// The system reports an error.
    #[error("{0}: {1}")]
    Io(PathBuf, std::io::Error),
    /// Not a sequence of this program; it is not changed.
    #[error("{0} is not deleted ({1}): delete the folder with the file manager")]
    Foreign(PathBuf, ManifestError),
    /// A symbolic link, which could lead anywhere.
    #[error("{0} is not deleted, because it is a link: delete it with the file manager")]
    Link(PathBuf),
    /// There is no readable frame.
    #[error("{0} has no readable frame to show: see the list of its errors, or record it again")]
    Picture(PathBuf),
}

/// Lists the sequences in the subfolders of `folder`, newest first; those without a date come last,
/// sorted by name.
///
/// A subfolder is a sequence if it has a manifest or npz files. Only a few kilobytes of every file
/// are read. A folder that does not exist has no sequences.
///
/// # Errors
/// The folder cannot be listed.
pub fn list(folder: &Path) -> Result<Vec<Sequence>, LibraryError> {
    let io = |e| LibraryError::Io(folder.to_owned(), e);
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(io(e)),
    };
    let mut sequences = Vec::new();
    for entry in entries {
        let path = entry.map_err(io)?.path();
        if path.is_dir() {
            sequences.extend(read(&path));
        }
    }
    let key = |s: &Sequence| s.manifest.as_ref().map_or(String::new(), |m| m.started.clone());
    sequences.sort_by(|a, b| key(b).cmp(&key(a)).then_with(|| a.name.cmp(&b.name)));
    Ok(sequences)
}

/// Reads one folder as a sequence; `None` if it has neither a manifest nor npz files.
pub fn read(folder: &Path) -> Option<Sequence> {
    let mut broken = Vec::new();
    let manifest = match Manifest::read(folder) {
        Ok(manifest) => Some(manifest),
        Err(ManifestError::Io(e)) if e.kind() == std::io::ErrorKind::NotFound => None,
        Err(e) => {
            broken.push(e.to_string());
            None
        }
    };
    let scene = manifest.as_ref().map(|m| file_name(&m.session.scene));
    let (mut files, mut bytes, mut partial) = (Vec::new(), 0, 0);
    for entry in std::fs::read_dir(folder).ok()?.flatten() {
        let path = entry.path();
        let Ok(metadata) = entry.metadata() else { continue };
        if !metadata.is_file() {
            continue;
        }
        if scene.as_ref().is_some_and(|scene| is_recorder_file(&path, scene)) || is_npz(&path) {
            bytes += metadata.len();
        }
        partial += u64::from(is_partial(&path));
        if is_npz(&path) {
            files.push(path);
        }
    }
    if manifest.is_none() && broken.is_empty() && files.is_empty() {
        return None;
    }
    files.sort();
    let (mut frames, mut duration_us, mut image, mut truths) = (0, 0_i64, None, 0);
    let mut unreadable = 0;
    for path in &files {
        match PairHeader::read(path) {
            Ok(header) => {
                frames += 2;
                let [[start, _], [_, end]] = header.exposures_us;
                duration_us = duration_us.saturating_add(end.saturating_sub(start));
                image = image.or(Some(header.size));
                truths += usize::from(header.truths > 0);
            }
            Err(e) => {
                unreadable += 1;
                if unreadable <= MAX_NAMED {
                    broken.push(format!("{}: {e}", name(path)));
                }
            }
        }
    }
    if unreadable > MAX_NAMED {
        broken.push(format!("{} more files cannot be read", unreadable - MAX_NAMED));
    }
    if let Some(manifest) = &manifest {
        broken.extend(faults(&manifest.progress, files.len() as u64));
        duration_us = duration_us.max(manifest.progress.duration_us);
    }
    if partial > 0 {
        broken.push(format!("{partial} half-written files, which are ignored"));
    }
    Some(Sequence {
        name: name(folder),
        folder: folder.to_owned(),
        truth: truths > 0 && truths == files.len(),
        manifest,
        frames,
        duration_us,
        bytes,
        image,
        broken,
    })
}

/// What went wrong according to the manifest of a recording of which `present` files exist.
fn faults(progress: &Progress, present: u64) -> Vec<String> {
    let ending = match &progress.ending {
        None => Some("the recording was cut off, or is still running".to_owned()),
        Some(StopReason::Failed(why)) => Some(format!("the recording failed: {why}")),
        Some(StopReason::DiskFull) => Some("the disk was full".to_owned()),
        Some(StopReason::Requested | StopReason::Complete | StopReason::Interrupted) => None,
    };
    let missing = progress.pairs.saturating_sub(present);
    let missing = (progress.ending.is_some() && missing > 0)
        .then(|| format!("{missing} of {} files are missing", progress.pairs));
    ending.into_iter().chain(missing).collect()
}

/// A thumbnail of a sequence: the stored one, or else one made from the first readable frame.
///
/// # Errors
/// [`LibraryError::Picture`] if no frame can be read.
pub fn thumbnail(sequence: &Sequence) -> Result<ImageU8, LibraryError> {
    let nothing = || LibraryError::Picture(sequence.folder.clone());
    let stored = sequence.folder.join(THUMBNAIL);
    if std::fs::symlink_metadata(&stored).is_ok_and(|m| m.is_file() && m.len() < 4 << 20)
        && let Some(picture) = input::read(&stored, 4 << 20).ok().and_then(|b| decode(&b))
    {
        return Ok(picture.shrunk_to_fit(THUMBNAIL_SIDE));
    }
    let entries = std::fs::read_dir(&sequence.folder).map_err(|_| nothing())?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
    files.retain(|f| is_npz(f));
    files.sort();
    let pair = files.iter().find_map(|f| Pair::read(f).ok()).ok_or_else(nothing)?;
    Ok(pair.frames[0].shrunk_to_fit(THUMBNAIL_SIDE))
}

fn decode(png: &[u8]) -> Option<ImageU8> {
    let mut reader = image::ImageReader::new(std::io::Cursor::new(png));
    reader.set_format(image::ImageFormat::Png);
    // Before a pixel is decoded: a file of kilobytes may claim gigabytes.
    let mut limits = image::Limits::default();
    limits.max_image_width = Some(MAX_THUMBNAIL_SIDE);
    limits.max_image_height = Some(MAX_THUMBNAIL_SIDE);
    limits.max_alloc = Some(64 << 20);
    reader.limits(limits);
    let image = reader.decode().ok()?;
    let size = Size::new(image.width() as usize, image.height() as usize);
    ImageU8::from_rgb(size, image.to_rgb8().as_raw()).ok()
}
