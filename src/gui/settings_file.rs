//! The settings' file: written shortly after a change, so that a crash loses seconds of choices.

use super::settings::Settings;
use std::path::PathBuf;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// A change is written once no other has followed it for so long: a slider that is dragged
/// changes with every frame.
const QUIET: Duration = Duration::from_millis(500);
/// It is written no later than this, whatever follows.
const LATEST: Duration = Duration::from_secs(5);

/// Keeps the settings in a file; without a path it does nothing.
#[derive(Default)]
pub(super) struct SettingsFile {
    path: Option<PathBuf>,
    /// What is in the file, or on its way there.
    written: Settings,
    change: Option<Change>,
    /// Writing waits for the disk, so it has a thread of its own.
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
    /// Reads the file of `path`. The lines name what in it was not understood.
    pub(super) fn open(path: Option<PathBuf>) -> (Self, Settings, Vec<String>) {
        let (settings, warnings) = path.as_deref().map(Settings::read).unwrap_or_default();
        (Self { path, written: settings.clone(), ..Self::default() }, settings, warnings)
    }

    /// Whether there is a path with no file yet: the program runs for the first time.
    pub(super) fn is_new(&self) -> bool {
        self.path.as_deref().is_some_and(|path| !path.exists())
    }

    /// Notices a change, and writes it once it is due. To be called with every frame; gives the
    /// reason why an earlier attempt failed, once.
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
        let quiet = now.saturating_duration_since(change.last) >= QUIET;
        let late = now.saturating_duration_since(change.first) >= LATEST;
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
                Some(format!("no thread to write the settings: {e}"))
            }
        }
    }

    /// Whether [`SettingsFile::keep`] is to be called again though nothing else happens.
    pub(super) fn is_pending(&self) -> bool {
        self.change.is_some() || self.writing.is_some()
    }

    /// Writes what is not in the file yet and waits for it.
    ///
    /// # Errors
    /// Why the settings are not kept.
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

/// Waits for a thread that writes; why it failed, if it did.
fn joined(thread: JoinHandle<Result<(), String>>) -> Option<String> {
    thread.join().unwrap_or_else(|_| Err("the thread that writes the settings failed".into())).err()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// Waits for the thread that writes.
    fn rest(file: &mut SettingsFile, settings: &Settings, now: Instant) -> Option<String> {
        while file.writing.as_ref().is_some_and(|thread| !thread.is_finished()) {
            std::thread::sleep(Duration::from_millis(1));
        }
        file.keep(settings, now)
    }

    fn stored(path: &Path) -> Settings {
        Settings::read(path).0
    }

    #[test]
    fn a_change_is_written_once_it_rests_and_without_a_clean_end() {
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
        file.keep(&settings, start + QUIET / 2);
        file.keep(&settings, start + QUIET);
        assert!(!path.exists(), "the last change is half as old");
        assert!(file.is_pending());
        file.keep(&settings, start + 2 * QUIET);
        assert_eq!(rest(&mut file, &settings, start + 2 * QUIET), None);
        assert_eq!(stored(&path).gain, 4.0);
        assert!(!file.is_pending());
    }

    #[test]
    fn changes_that_never_rest_are_written_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.json");
        let (mut file, mut settings, _) = SettingsFile::open(Some(path.clone()));
        let start = Instant::now();
        for i in 0..60 {
            settings.frames += 1;
            file.keep(&settings, start + QUIET * i / 2);
        }
        rest(&mut file, &settings, start + QUIET * 30);
        assert!(stored(&path).frames > 60);
    }

    #[test]
    fn a_failure_is_told_once_and_the_end_tries_again() {
        let folder = tempfile::tempdir().unwrap();
        let in_the_way = folder.path().join("in the way");
        std::fs::write(&in_the_way, b"").unwrap();
        let path = in_the_way.join("settings.json");
        let (mut file, mut settings, _) = SettingsFile::open(Some(path.clone()));
        settings.events = true;
        let start = Instant::now();
        file.keep(&settings, start);
        file.keep(&settings, start + QUIET);
        let why = rest(&mut file, &settings, start + QUIET);
        assert!(why.is_some_and(|why| why.contains("settings.json")));
        assert_eq!(file.keep(&settings, start + 2 * QUIET), None);
        assert!(file.end(&settings).is_err());
        std::fs::remove_file(&in_the_way).unwrap();
        assert_eq!(file.end(&settings), Ok(()));
        assert!(stored(&path).events);
    }
}
