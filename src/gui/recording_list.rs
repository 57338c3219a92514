//! The list of recordings in a folder, with thumbnails; it is read on a worker thread, and
//! recordings are deleted on another.

use super::action::Action;
use super::describe;
use super::wake::{Wake, in_background};
use super::widgets::toast::{Message, ToastKind};
use crate::image::ImageU8;
use crate::panics::caught;
use crate::sequence::catalog::{self, Sequence};
use eframe::egui::{ColorImage, TextureHandle, Ui};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, TryRecvError, channel};

/// Message of the thread that reads the folder.
enum Read {
    List(Result<Vec<Sequence>, String>),
    Thumbnail(PathBuf, ColorImage),
}

/// The list, as of the last read.
pub(super) struct RecordingList {
    wake: Wake,
    sequences: Vec<Sequence>,
    thumbnails: HashMap<PathBuf, TextureHandle>,
    /// Folder that was read or is being read; none to read it again.
    folder: Option<PathBuf>,
    reading: Option<Receiver<Read>>,
    /// Why the folder could not be read.
    fault: Option<String>,
    /// Result of the thread that deletes a recording.
    deleting: Option<Receiver<Message>>,
}

/// The picture of the recording in `folder` for the screen, if it has one. One at which a decoder
/// panics must not keep away the thumbnails of all later recordings.
fn thumbnail_of(folder: &Path, read: impl FnOnce() -> Option<ImageU8>) -> Option<ColorImage> {
    let image = caught(|| {
        let picture = read()?;
        let size = [picture.size().width, picture.size().height];
        Some(ColorImage::from_rgb(size, &picture.to_rgb()))
    });
    image.unwrap_or_else(|why| {
        tracing::warn!("{}: no thumbnail: {why}", folder.display());
        None
    })
}

impl RecordingList {
    pub(super) fn new(wake: Wake) -> Self {
        Self {
            wake,
            sequences: Vec::new(),
            thumbnails: HashMap::new(),
            folder: None,
            reading: None,
            fault: None,
            deleting: None,
        }
    }

    /// The recordings.
    pub(super) fn sequences(&self) -> &[Sequence] {
        &self.sequences
    }

    /// The recording in this folder, if it is listed.
    pub(super) fn find(&self, folder: &Path) -> Option<&Sequence> {
        self.sequences.iter().find(|s| s.folder == folder)
    }

    /// Picture of the recording in this folder, once it was read.
    pub(super) fn thumbnail(&self, folder: &Path) -> Option<&TextureHandle> {
        self.thumbnails.get(folder)
    }

    /// Whether `count` recordings are listed, each with its thumbnail.
    #[cfg(test)]
    pub(super) fn is_complete(&self, count: usize) -> bool {
        self.sequences.len() == count && self.thumbnails.len() == count
    }

    /// Whether the folder is being read.
    pub(super) fn is_reading(&self) -> bool {
        self.reading.is_some()
    }

    /// Whether a recording is being deleted.
    pub(super) fn is_deleting(&self) -> bool {
        self.deleting.is_some()
    }

    /// Why the folder could not be read.
    pub(super) fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }

    /// Marks the list as outdated: the folder is read again when the list is shown next.
    pub(super) fn refresh(&mut self) {
        self.folder = None;
    }

    /// Reads the folder on a worker thread, unless this was done: there may be hundreds of
    /// recordings on a slow disk.
    pub(super) fn read(&mut self, folder: &Path) {
        if self.folder.as_deref() == Some(folder) {
            return;
        }
        self.folder = Some(folder.to_owned());
        let (send, receive) = channel();
        let (folder, wake) = (folder.to_owned(), self.wake.clone());
        let known: Vec<PathBuf> = self.thumbnails.keys().cloned().collect();
        let work = move || {
            let list = caught(|| catalog::list(&folder).map_err(|e| e.to_string()));
            let list = list.and_then(|list| list);
            let all = list.clone().unwrap_or_default();
            if send.send(Read::List(list)).is_err() {
                return;
            }
            wake();
            for sequence in all.iter().filter(|s| !known.contains(&s.folder)) {
                // A recording without a readable picture keeps an empty thumbnail.
                let picture = || catalog::thumbnail(sequence).ok();
                let Some(image) = thumbnail_of(&sequence.folder, picture) else { continue };
                if send.send(Read::Thumbnail(sequence.folder.clone(), image)).is_err() {
                    return;
                }
                wake();
            }
        };
        match std::thread::Builder::new().name("library".into()).spawn(work) {
            Ok(_) => self.reading = Some(receive),
            Err(e) => self.fault = Some(format!("cannot start a thread to read the folder: {e}")),
        }
    }

    /// Takes what the thread has read so far; returns whether there is another list.
    pub(super) fn poll(&mut self, ui: &Ui) -> bool {
        let mut changed = false;
        while let Some(reading) = &self.reading {
            match reading.try_recv() {
                Ok(Read::List(Ok(list))) => {
                    // Thumbnails of removed recordings would otherwise stay in memory.
                    self.thumbnails.retain(|folder, _| list.iter().any(|s| s.folder == *folder));
                    (self.sequences, self.fault) = (list, None);
                    changed = true;
                }
                Ok(Read::List(Err(why))) => {
                    self.sequences.clear();
                    self.fault = Some(why);
                }
                Ok(Read::Thumbnail(folder, image)) => {
                    let texture = ui.load_texture("thumbnail", image, Default::default());
                    self.thumbnails.insert(folder, texture);
                }
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => self.reading = None,
            }
        }
        changed
    }

    /// Deletes a recording on a worker thread: there may be thousands of files on a slow disk.
    ///
    /// # Errors
    /// The thread cannot be started; the text is for the user.
    pub(super) fn delete(&mut self, folder: &Path) -> Result<(), String> {
        let doomed = folder.to_owned();
        self.thumbnails.remove(folder);
        let work = move || describe::deleted(&catalog::delete(&doomed), &doomed);
        let deleting = in_background("delete", &self.wake, work)
            .map_err(|e| format!("Nothing was deleted: the thread did not start ({e})"))?;
        self.deleting = Some(deleting);
        Ok(())
    }

    /// Checks whether the deletion has finished, and reports its result.
    pub(super) fn poll_deletion(&mut self) -> Option<Action> {
        let (kind, text) = match self.deleting.as_ref()?.try_recv() {
            Err(TryRecvError::Empty) => return None,
            Ok(message) => message,
            Err(TryRecvError::Disconnected) => {
                (ToastKind::Error, "Deleting failed: internal error".to_owned())
            }
        };
        self.deleting = None;
        self.refresh();
        Some(Action::Notify(kind, text))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;
    use crate::image::Size;

    #[test]
    fn a_picture_that_cannot_be_shown_is_no_thumbnail() {
        let of = |read: fn() -> Option<ImageU8>| thumbnail_of(Path::new("recording"), read);
        assert!(of(|| None).is_none());
        assert!(of(|| panic!("on purpose")).is_none());
        for colour in [true, false] {
            let picture = ImageU8::filled(colour, Size::new(6, 4), 9);
            let image = thumbnail_of(Path::new("recording"), || Some(picture)).unwrap();
            assert_eq!(image.size, [6, 4]);
        }
    }
}
