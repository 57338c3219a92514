//! State of the panel of recordings.

use crate::gui::widgets::toast;
use crate::sequence::catalog::{self, Sequence};
use eframe::egui::{ColorImage, TextureHandle, Ui};
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};

/// What the reading thread sends.
pub(crate) enum Read {
    List(Result<Vec<Sequence>, String>),
    Thumbnail(PathBuf, ColorImage),
}

/// The list, as it was read last.
#[derive(Default)]
pub(crate) struct RecordingsPanel {
    pub(crate) sequences: Vec<Sequence>,
    pub(crate) thumbnails: HashMap<PathBuf, TextureHandle>,
    /// The folder that was read, or is being read.
    pub(crate) folder: Option<PathBuf>,
    pub(crate) reading: Option<Receiver<Read>>,
    /// Why it could not be read.
    pub(crate) fault: Option<String>,
    /// Which one's details are shown.
    pub(crate) chosen: Option<PathBuf>,
    /// Which one is to be deleted, once that is confirmed.
    pub(crate) doomed: Option<PathBuf>,
    /// One is being deleted: what came of it, for the person.
    pub(crate) deleting: Option<Receiver<(toast::Kind, String)>>,
    /// Those that are to be exported together.
    pub(crate) ticked: BTreeSet<PathBuf>,
}

impl RecordingsPanel {
    /// Reads the folder again the next time that the list is shown.
    pub(crate) fn stale(&mut self) {
        self.folder = None;
    }

    /// Name of the scene of one that is listed.
    pub(crate) fn scene(&self, folder: &Path) -> Option<String> {
        let sequence = self.sequences.iter().find(|s| s.folder == folder)?;
        Some(sequence.scene().to_owned())
    }

    /// What is listed.
    #[cfg(test)]
    pub(crate) fn sequences(&self) -> &[Sequence] {
        &self.sequences
    }

    /// Whether so many are listed, each with its thumbnail.
    #[cfg(test)]
    pub(crate) fn complete(&self, count: usize) -> bool {
        self.sequences.len() == count && self.thumbnails.len() == count
    }

    /// Reads on a thread of its own: there may be hundreds, on a slow disk.
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
                // One without a picture keeps an empty place.
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
            Err(e) => self.fault = Some(format!("no thread to read the folder: {e}")),
        }
    }

    pub(crate) fn poll(&mut self, ui: &Ui) {
        while let Some(reading) = &self.reading {
            match reading.try_recv() {
                Ok(Read::List(Ok(list))) => {
                    let there = |folder: &PathBuf| list.iter().any(|s| s.folder == *folder);
                    self.ticked.retain(there);
                    // Pictures of other folders would otherwise stay in memory for good.
                    self.thumbnails.retain(|folder, _| there(folder));
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
