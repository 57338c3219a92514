//! The settings file. It is written shortly after a change, so that a crash loses at most a few
//! seconds of changes.

use super::settings::Settings;
use std::path::PathBuf;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// A change is written once no other has followed for this long: a dragged slider changes with
/// every frame.
const DEBOUNCE: Duration = Duration::from_millis(500);
/// Longest delay of a write while changes keep coming.
const MAX_DELAY: Duration = Duration::from_secs(5);

/// Writes changed settings to a file; without a path it does nothing.
#[derive(Default)]
pub(super) struct SettingsFile {
    path: Option<PathBuf>,
    /// Settings that are in the file or being written.
    written: Settings,
    change: Option<Change>,
    /// Writer thread: writing blocks on the disk.
    writing: Option<JoinHandle<Result<(), String>>>,
    /// The last attempt failed.
    failed: bool,
}

/// Settings that are not in the file yet.
struct Change {
    settings: Settings,
    first: Instant,
    last: Instant,
}

impl SettingsFile {
    /// Reads the file at `path`. Returns also its settings and one warning per problem.
    pub(super) fn open(path: Option<PathBuf>) -> (Self, Settings, Vec<String>) {
        let (settings, warnings) = path.as_deref().map(Settings::read).unwrap_or_default();
        (Self { path, written: settings.clone(), ..Self::default() }, settings, warnings)
    }

    /// Whether the file does not exist yet: the program runs for the first time.
    pub(super) fn is_new(&self) -> bool {
        self.path.as_deref().is_some_and(|path| !path.exists())
    }

    /// Detects a change, and writes it once it is due. To be called every frame. Returns why an
    /// earlier write failed, once per failure.
    pub(super) fn keep(&mut self, settings: &Settings, now: Instant) -> Option<String> {
        let path = self.path.clone()?;
        let failure = self.writing.take_if(|thread| thread.is_finished()).and_then(joined);
        self.failed |= failure.is_some();
        if *settings == self.written {
            self.change = None;
            return failure;
        }
        let change = match self.change.take() {
            Some(change) if change.settings == *settings => change,
            before => {
                let first = before.map_or(now, |change| change.first);
                Change { settings: settings.clone(), first, last: now }
            }
        };
        let quiet = now.saturating_duration_since(change.last) >= DEBOUNCE;
        let late = now.saturating_duration_since(change.first) >= MAX_DELAY;
        if self.writing.is_some() || !(quiet || late) {
            self.change = Some(change);
            return failure;
        }
        let settings = change.settings;
        self.written = settings.clone();
        match Builder::new().name("settings".into()).spawn(move || settings.write(&path)) {
            Ok(thread) => {
                (self.writing, self.failed) = (Some(thread), false);
                failure
            }
            Err(e) => {
                self.failed = true;
                Some(format!("cannot start the settings writer thread: {e}"))
            }
        }
    }

    /// Whether [`SettingsFile::keep`] must be called again even if nothing else happens.
    pub(super) fn is_pending(&self) -> bool {
        self.change.is_some() || self.writing.is_some()
    }

    /// Writes pending changes and waits until they are on disk.
    ///
    /// # Errors
    /// The file cannot be written; the text says why.
    pub(super) fn end(&mut self, settings: &Settings) -> Result<(), String> {
        let Some(path) = self.path.clone() else { return Ok(()) };
        self.failed |= self.writing.take().and_then(joined).is_some();
        if *settings == self.written && !self.failed && path.exists() {
            return Ok(());
        }
        (self.written, self.change) = (settings.clone(), None);
        let written = settings.write(&path);
        self.failed = written.is_err();
        written
    }
}

/// Joins the writer thread; returns its error, if any.
fn joined(thread: JoinHandle<Result<(), String>>) -> Option<String> {
    thread.join().unwrap_or_else(|_| Err("the settings writer thread failed".into())).err()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// Waits for the writer thread, then polls the file.
    fn settle(file: &mut SettingsFile, settings: &Settings, now: Instant) -> Option<String> {
        while file.writing.as_ref().is_some_and(|thread| !thread.is_finished()) {
            std::thread::sleep(Duration::from_millis(1));
        }
        file.keep(settings, now)
    }

    fn stored(path: &Path) -> Settings {
        Settings::read(path).0
    }

    #[test]
    fn a_change_is_written_after_the_debounce_time_without_a_clean_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.json");
        let (mut file, mut settings, warnings) = SettingsFile::open(Some(path.clone()));
        assert!(file.is_new() && warnings.is_empty());
        let start = Instant::now();
        assert_eq!(file.keep(&settings, start), None);
        assert!(!file.is_pending() && !path.exists(), "nothing has changed");
        settings.gain = 3.0;
        file.keep(&settings, start);
        settings.gain = 4.0;
        file.keep(&settings, start + DEBOUNCE / 2);
        file.keep(&settings, start + DEBOUNCE);
        assert!(!path.exists(), "the last change is younger than the debounce time");
        assert!(file.is_pending());
        file.keep(&settings, start + 2 * DEBOUNCE);
        assert_eq!(settle(&mut file, &settings, start + 2 * DEBOUNCE), None);
        assert_eq!(stored(&path).gain, 4.0);
        assert!(!file.is_pending());
    }

    #[test]
    fn continuous_changes_are_written_after_the_maximum_delay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.json");
        let (mut file, mut settings, _) = SettingsFile::open(Some(path.clone()));
        let start = Instant::now();
        for i in 0..60 {
            settings.frames += 1;
            file.keep(&settings, start + DEBOUNCE * i / 2);
        }
        settle(&mut file, &settings, start + DEBOUNCE * 30);
        assert!(stored(&path).frames > 60);
    }

    #[test]
    fn a_failed_write_is_reported_once_and_retried_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        // A file where the parent folder should be makes the write fail.
        let blocker = folder.path().join("blocker");
        std::fs::write(&blocker, b"").unwrap();
        let path = blocker.join("settings.json");
        let (mut file, mut settings, _) = SettingsFile::open(Some(path.clone()));
        settings.events = true;
        let start = Instant::now();
        file.keep(&settings, start);
        file.keep(&settings, start + DEBOUNCE);
        let why = settle(&mut file, &settings, start + DEBOUNCE);
        assert!(why.is_some_and(|why| why.contains("settings.json")));
        assert_eq!(file.keep(&settings, start + 2 * DEBOUNCE), None);
        assert!(file.end(&settings).is_err());
        std::fs::remove_file(&blocker).unwrap();
        assert_eq!(file.end(&settings), Ok(()));
        assert!(stored(&path).events);
    }
}
