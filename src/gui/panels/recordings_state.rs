//! State of the library of recordings.

use crate::gui::widgets::toast;
use crate::sequence::catalog::{self, Sequence};
use eframe::egui::{ColorImage, TextureHandle, Ui};
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};

/// Message of the thread that reads the folder.
pub(crate) enum Read {
    List(Result<Vec<Sequence>, String>),
    Thumbnail(PathBuf, ColorImage),
}

/// The list of recordings, as of the last read.
#[derive(Default)]
pub(crate) struct RecordingsPanel {
    pub(crate) sequences: Vec<Sequence>,
    pub(crate) thumbnails: HashMap<PathBuf, TextureHandle>,
    /// Folder that was read or is being read; none to read it again.
    pub(crate) folder: Option<PathBuf>,
    pub(crate) reading: Option<Receiver<Read>>,
    /// Why the folder could not be read.
    pub(crate) fault: Option<String>,
    /// Recording whose details are shown.
    pub(crate) chosen: Option<PathBuf>,
    /// Recording whose deletion is to be confirmed.
    pub(crate) doomed: Option<PathBuf>,
    /// Result of the thread that deletes a recording, as a message.
    pub(crate) deleting: Option<Receiver<(toast::Kind, String)>>,
    /// Recordings that are selected for export.
    pub(crate) ticked: BTreeSet<PathBuf>,
}

impl RecordingsPanel {
    /// Marks the list as outdated: the folder is read again when the list is shown next.
    pub(crate) fn stale(&mut self) {
        self.folder = None;
    }

    /// Scene name of a listed recording.
    pub(crate) fn scene(&self, folder: &Path) -> Option<String> {
        let sequence = self.sequences.iter().find(|s| s.folder == folder)?;
        Some(sequence.scene().to_owned())
    }

    /// The listed recordings.
    #[cfg(test)]
    pub(crate) fn sequences(&self) -> &[Sequence] {
        &self.sequences
    }

    /// Whether `count` recordings are listed, each with its thumbnail.
    #[cfg(test)]
    pub(crate) fn complete(&self, count: usize) -> bool {
        self.sequences.len() == count && self.thumbnails.len() == count
    }

    /// Reads the folder on a worker thread: there may be hundreds of recordings on a slow disk.
    pub(crate) fn read(&mut self, folder: &Path, wake: &Arc<dyn Fn() + Send + Sync>) {
        if self.folder.as_deref() == Some(folder) {
            return;
        }
        self.folder = Some(folder.to_owned());
        let (send, receive) = channel();
        let (folder, wake) = (folder.to_owned(), wake.clone());
        let known: Vec<PathBuf> = self.thumbnails.keys().cloned().collect();
        let work = move || {
            let list = catalog::list(&folder).map_err(|e| e.to_string());
            let all = list.clone().unwrap_or_default();
            if send.send(Read::List(list)).is_err() {
                return;
            }
            wake();
            for sequence in all.iter().filter(|s| !known.contains(&s.folder)) {
                // A recording without a readable picture keeps an empty thumbnail.
                let Ok(picture) = catalog::thumbnail(sequence) else { continue };
                let size = [picture.size().width, picture.size().height];
                let image = ColorImage::from_rgb(size, &picture.to_rgb());
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

    /// Takes what the thread has read so far.
    pub(crate) fn poll(&mut self, ui: &Ui) {
        while let Some(reading) = &self.reading {
            match reading.try_recv() {
                Ok(Read::List(Ok(list))) => {
                    let exists = |folder: &PathBuf| list.iter().any(|s| s.folder == *folder);
                    self.ticked.retain(exists);
                    // Thumbnails of removed recordings would otherwise stay in memory.
                    self.thumbnails.retain(|folder, _| exists(folder));
                    (self.sequences, self.fault) = (list, None);
                }
                Ok(Read::List(Err(why))) => {
                    self.sequences.clear();
                    self.fault = Some(why);
                }
                Ok(Read::Thumbnail(folder, image)) => {
                    let texture = ui.load_texture("thumbnail", image, Default::default());
                    self.thumbnails.insert(folder, texture);
                }
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => self.reading = None,
            }
        }
    }
}
