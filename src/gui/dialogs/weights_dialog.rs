//! The file that the weights came from, watched: training and `adapt` replace it, and the window
//! picks that up without being restarted.

use crate::network::Weights;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// How often the file is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// What tells two contents of a file apart without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
}

impl Stamp {
    /// None where there is no file.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let about = std::fs::metadata(path).ok()?;
        Some(Self { modified: about.modified().ok(), bytes: about.len() })
    }
}

/// The file of the weights in use, as it was when they were read; none for those in the program.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin(Arc<Mutex<Option<Stamped>>>);

/// A file, and the stamp that it had.
type Stamped = (PathBuf, Option<Stamp>);

impl Origin {
    /// Weights of this file, read when it had this stamp, are in use.
    pub(crate) fn set(&self, path: PathBuf, stamp: Option<Stamp>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((path, stamp));
    }

    /// The file, if there is one.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        self.get().map(|(path, _)| path)
    }

    fn get(&self) -> Option<Stamped> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What became of a file that has changed.
#[derive(Debug)]
pub(crate) enum News {
    /// It holds other weights now.
    Fresh(PathBuf, Box<Weights>),
    /// It holds something else; said once until it is good again.
    Broken(String),
}

/// A thread that looks at the file; dropping this ends it.
#[derive(Debug)]
pub(crate) struct Watch {
    news: Receiver<News>,
    _stop: Sender<()>,
}

impl Watch {
    /// Looks at the file of `origin`, whichever that is.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn start(
        origin: Origin,
        wake: Arc<dyn Fn() + Send + Sync>,
    ) -> std::io::Result<Self> {
        // A minimised window takes no news: one waits, and the thread waits with the next.
        let (say, news) = sync_channel(1);
        let (stop, stopped) = channel::<()>();
        let mut look = Look { origin, before: None, broken: false };
        let work = move || {
            while stopped.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                if let Some(news) = look.look() {
                    if say.send(news).is_err() {
                        return;
                    }
                    wake();
                }
            }
        };
        std::thread::Builder::new().name("weights watch".into()).spawn(work)?;
        Ok(Self { news, _stop: stop })
    }

    /// What has happened since.
    pub(crate) fn take(&self) -> Option<News> {
        self.news.try_recv().ok()
    }
}

/// What the thread remembers from one look to the next.
struct Look {
    origin: Origin,
    /// The stamp that the file had.
    before: Option<(PathBuf, Stamp)>,
    /// That it is broken was said.
    broken: bool,
}

impl Look {
    /// Reads the file once it has changed and then rested from one look to the next: whoever
    /// writes it may need a while.
    fn look(&mut self) -> Option<News> {
        let (path, used) = self.origin.get()?;
        let now = Stamp::of(&path)?;
        let before = self.before.replace((path.clone(), now));
        if used == Some(now) || before != Some((path.clone(), now)) {
            return None;
        }
        let read = read(&path);
        if Stamp::of(&path) != Some(now) {
            return None;
        }
        // Good or not, this content is not read again.
        self.origin.set(path.clone(), Some(now));
        match read {
            Ok(weights) => {
                self.broken = false;
                Some(News::Fresh(path, Box::new(weights)))
            }
            Err(why) => (!std::mem::replace(&mut self.broken, true)).then_some(News::Broken(why)),
        }
    }
}

/// Reads weights of any format.
pub(crate) fn read(path: &Path) -> Result<Weights, String> {
    let bytes = std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
    Weights::from_bytes(&bytes).map_err(|e| format!("{}: {e}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_file_is_read_once_it_rests_and_said_to_be_broken_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.safetensors");
        let good = std::fs::read("assets/weights.safetensors").unwrap();
        std::fs::write(&path, &good).unwrap();
        let origin = Origin::default();
        let mut look = Look { origin: origin.clone(), before: None, broken: false };
        assert!(look.look().is_none(), "there is no file yet");
        origin.set(path.clone(), Stamp::of(&path));
        assert!((0..3).all(|_| look.look().is_none()), "nothing has changed");
        // Half of it, which then stops: said, but only once.
        std::fs::write(&path, &good[..1000]).unwrap();
        assert!(look.look().is_none(), "it may still be written");
        let Some(News::Broken(why)) = look.look() else { panic!("nothing was said") };
        assert!(why.contains("mine.safetensors"), "{why}");
        std::fs::write(&path, &good[..2000]).unwrap();
        assert!((0..3).all(|_| look.look().is_none()), "said twice");
        std::fs::remove_file(&path).unwrap();
        assert!(look.look().is_none(), "a file that is gone is waited for");
        std::fs::write(&path, &good).unwrap();
        assert!(look.look().is_none());
        assert!(matches!(look.look(), Some(News::Fresh(p, _)) if p == path));
        assert!((0..3).all(|_| look.look().is_none()), "used twice");
    }
}
