//! The contrast thresholds of recorded files.
//!
//! In this order: thresholds that the user gives, those of the manifest of the recording or the
//! dataset, those stored for the serial number of the recording's event camera, an estimate. A
//! manifest may hold an uncertain estimate: a new estimate then starts from it. Files of one folder
//! share an estimate, so that a film of them does not flicker.

use crate::deblur::{FramePair, ThresholdEstimator};
use crate::event::{Contrast, ContrastSource, Thresholds};
use crate::rig::contrast;
use crate::sequence::dataset_manifest::{Entry, dataset_entries};
use crate::sequence::discover::find_npz_files;
use crate::sequence::manifest::{MANIFEST, Manifest, ManifestError};
use crate::sequence::pair::Pair;
use crate::sequence::pair_error::PairError;
use crate::time::{EventTimes, TimeRange};
use std::collections::BTreeMap;
use std::io::ErrorKind::NotFound;
use std::path::{Path, PathBuf};

/// Recorded thresholds of the files of one folder.
#[derive(Debug, Default)]
struct Folder {
    /// From the recording's manifest.
    recorded: Option<Contrast>,
    /// Stored for the serial number of the recording's event camera.
    stored: Option<Contrast>,
    /// Entries of the dataset's manifest, by file.
    entries: BTreeMap<String, Entry>,
}

/// Files that are taken to come from one camera, and whose thresholds are not known.
#[derive(Debug, Default)]
struct Group {
    files: Vec<PathBuf>,
    /// Their estimate, once it was needed.
    estimate: Option<Contrast>,
}

/// Determines the contrast thresholds of files.
#[derive(Debug, Default)]
pub struct FileThresholds {
    given: Option<Thresholds>,
    /// Ignore manifests and stored values.
    estimate: bool,
    times: EventTimes,
    /// Where thresholds are stored per serial number; none for the user's settings folder.
    stored_in: Option<PathBuf>,
    folders: BTreeMap<PathBuf, Folder>,
    groups: BTreeMap<PathBuf, Group>,
}

impl FileThresholds {
    /// Uses the thresholds `given` by the user, if any, for all files.
    pub fn new(given: Option<Thresholds>) -> Self {
        Self { given, ..Self::default() }
    }

    /// Estimates the thresholds of every file by itself, ignoring known values, to evaluate the
    /// estimator: generated files may each have a camera of their own.
    pub fn estimated() -> Self {
        Self { estimate: true, ..Self::default() }
    }

    /// Reads the events of recordings with these times.
    pub fn timed(mut self, times: EventTimes) -> Self {
        self.times = times;
        self
    }

    /// The files among these that are in one folder share one estimate, if their thresholds are not
    /// known. In a dataset, they share it if their sources are in one folder.
    pub fn pooling<'a>(mut self, files: impl IntoIterator<Item = &'a PathBuf>) -> Self {
        self.pool(files);
        self
    }

    /// Looks for thresholds per serial number in this folder instead of the user's settings folder.
    pub fn stored_in(mut self, folder: &Path) -> Self {
        self.stored_in = Some(folder.to_owned());
        self
    }

    /// The thresholds of a file, as far as they are known without an estimate: given, known, or
    /// recorded with a small uncertainty.
    pub fn known(&mut self, path: &Path) -> Option<Contrast> {
        self.recorded(path).filter(Contrast::is_accurate)
    }

    /// As [`Self::known`]; otherwise the uncertain estimate that was recorded, if there is one.
    pub fn recorded(&mut self, path: &Path) -> Option<Contrast> {
        if let Some(given) = self.given {
            return Some(Contrast::set(given));
        }
        let parent = path.parent().unwrap_or(Path::new(""));
        if !self.folders.contains_key(parent) {
            let folder = match self.estimate {
                true => Folder::default(),
                false => Folder::read(parent, self.stored_in.as_deref()),
            };
            self.folders.insert(parent.to_owned(), folder);
        }
        let folder = self.folders.get(parent)?;
        let entry = self.entry(path).and_then(Entry::contrast);
        let is_usable =
            |c: &Contrast| c.thresholds.is_valid() && c.source != ContrastSource::Default;
        let all = [entry, folder.recorded, folder.stored];
        let found: Vec<Contrast> = all.into_iter().flatten().filter(is_usable).collect();
        found.iter().copied().find(Contrast::is_accurate).or(found.first().copied())
    }

    /// As [`Self::recorded`] for a file or folder that is played, whose files are taken to come from
    /// one camera. `None` if they have different thresholds.
    pub fn of_played(&mut self, recording: &Path) -> Option<Contrast> {
        let is_pair = recording.extension().is_some_and(|e| e.eq_ignore_ascii_case("npz"));
        if !recording.is_dir() {
            return self.recorded(recording).filter(|_| is_pair);
        }
        let found = find_npz_files(&[recording.to_owned()]);
        let mut files: Vec<PathBuf> = found.into_iter().flatten().collect();
        if files.is_empty() {
            // Pictures, whose folder may have the manifest of a recording, too.
            files.push(recording.join(MANIFEST));
        }
        let mut contrasts = files.iter().map(|file| self.recorded(file));
        let first = contrasts.next()??;
        contrasts.all(|other| other == Some(first)).then_some(first)
    }

    /// The thresholds of a file: known, or the shared estimate of [`Self::pooling`], or an estimate
    /// from this file.
    ///
    /// # Errors
    /// Fields of the pair that are inconsistent.
    pub fn of(&mut self, path: &Path, pair: &Pair) -> Result<Contrast, PairError> {
        if let Some(known) = self.known(path) {
            return Ok(known);
        }
        if !self.estimate
            && let Some(shared) = self.shared(path)
            && shared.source != ContrastSource::Default
        {
            return Ok(shared);
        }
        let start = self.recorded(path).unwrap_or_default();
        let mut estimator = ThresholdEstimator::starting_from(start);
        observe(&mut estimator, pair)?;
        Ok(estimator.contrast())
    }

    /// The file's entry in the manifest of its dataset.
    fn entry(&self, path: &Path) -> Option<&Entry> {
        let parent = path.parent().unwrap_or(Path::new(""));
        let name = |p: &Path| p.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.folders.get(parent)?.entries.get(&format!("{}/{}", name(parent), name(path)))
    }
}

/// Number of pairs that the thresholds of a whole folder are estimated from.
const PAIRS: usize = 24;

impl FileThresholds {
    /// The thresholds of all files of a recording or dataset. Estimates are shared as in
    /// [`Self::pooling`]; unreadable pairs do not contribute to them.
    pub fn of_files(&mut self, files: &[PathBuf]) -> Vec<Contrast> {
        self.pool(files);
        files
            .iter()
            .map(|path| self.known(path).or_else(|| self.shared(path)).unwrap_or_default())
            .collect()
    }

    fn pool<'a>(&mut self, files: impl IntoIterator<Item = &'a PathBuf>) {
        for path in files {
            if self.known(path).is_none() {
                let camera = self.camera(path);
                self.groups.entry(camera).or_default().files.push(path.clone());
            }
        }
    }

    /// The folder that stands for the camera of a file. A dataset may hold several recordings: there
    /// it is the folder of the file's source.
    fn camera(&self, path: &Path) -> PathBuf {
        let parent = path.parent().unwrap_or(Path::new(""));
        let source = self.entry(path).and_then(|entry| Path::new(&entry.source).parent());
        source.map_or_else(|| parent.to_owned(), |source| parent.join(source))
    }

    /// The estimate that a file shares with others of its camera, if it was pooled.
    fn shared(&mut self, path: &Path) -> Option<Contrast> {
        let camera = self.camera(path);
        let group = self.groups.get(&camera)?;
        if group.estimate.is_some() {
            return group.estimate;
        }
        let files = group.files.clone();
        let found = self.estimated_from(&files);
        self.groups.entry(camera).or_default().estimate = Some(found);
        Some(found)
    }

    /// One estimate from files of one camera.
    fn estimated_from(&mut self, files: &[PathBuf]) -> Contrast {
        let start = files.first().and_then(|path| self.recorded(path)).unwrap_or_default();
        let mut estimator = ThresholdEstimator::starting_from(start);
        for path in files.iter().step_by(files.len().div_ceil(PAIRS).max(1)) {
            if let Ok(pair) = Pair::read_timed(path, self.times) {
                // A pair with inconsistent fields does not contribute.
                let _ = observe(&mut estimator, &pair);
            }
        }
        estimator.contrast()
    }
}

/// Adds a recorded pair to an estimate.
fn observe(estimator: &mut ThresholdEstimator, pair: &Pair) -> Result<(), PairError> {
    let spans = pair.exposures_us.map(|[from, until]| TimeRange::new(from as f64, until as f64));
    let [first, second] = &pair.frames;
    let frames = [first, second];
    let (events, sensor) = ([pair.events.as_slice()], pair.sensor()?);
    // A pair without enough information does not change the estimate.
    let _ = estimator.observe(&FramePair { frames, spans, events: &events, sensor });
    Ok(())
}

impl Folder {
    /// Reads the manifests of the folder, if there are any. Thresholds per serial number are in
    /// `stored_in`, or in the user's settings folder if none.
    fn read(folder: &Path, stored_in: Option<&Path>) -> Self {
        let manifest = Manifest::read(folder)
            .inspect_err(|why| {
                let is_missing = matches!(why, ManifestError::Io(e) if e.kind() == NotFound);
                if !is_missing {
                    let folder = folder.display();
                    tracing::warn!("{folder}: {why}: no thresholds are read from it");
                }
            })
            .ok();
        let recorded = manifest.as_ref().and_then(|m| m.session.thresholds);
        if let Some(contrast) = recorded
            && !contrast.thresholds.is_valid()
        {
            let (folder, Thresholds { on, off }) = (folder.display(), contrast.thresholds);
            tracing::warn!(
                "{folder}: {MANIFEST}: contrast thresholds of {on} and {off} are not used: they must \
                 be above 0 and at most 2"
            );
        }
        let stored = |manifest: &Manifest| {
            let serial = manifest.event_camera()?;
            let folder = stored_in.map(Path::to_owned).or_else(contrast::folder)?;
            contrast::load(&folder, &serial)
        };
        let root = folder.parent().unwrap_or(Path::new(""));
        Self {
            recorded,
            stored: manifest.as_ref().and_then(stored),
            entries: dataset_entries(root)
                .inspect_err(|why| tracing::warn!("{why}: no thresholds are read from it"))
                .ok()
                .flatten()
                .unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests;
