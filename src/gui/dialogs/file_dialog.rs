//! The system's own dialog for files and folders, which must not hold up the window.

use eframe::egui;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, TryRecvError, channel};

/// What a file or folder is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A file to play.
    Recording,
    /// A folder to play.
    RecordingFolder,
    /// Weights to use.
    Weights,
    /// Where recordings are to lie.
    Folder,
    /// Where a dataset is to lie.
    Dataset,
}

/// One dialog at a time.
#[derive(Default)]
pub(crate) struct Chooser {
    waiting: Option<(Purpose, Receiver<Option<PathBuf>>)>,
}

impl Chooser {
    /// Opens the dialog. Where the system has none, nothing comes: every place that asks has a
    /// line to type a path into as well.
    pub(crate) fn ask(&mut self, purpose: Purpose, context: &egui::Context) {
        let dialog = rfd::AsyncFileDialog::new();
        let dialog = match purpose {
            Purpose::Recording => {
                dialog.set_title("Play a recording").add_filter("Recordings", &["aedat4", "npz"])
            }
            Purpose::RecordingFolder => dialog.set_title("Play a folder of MS-RBD pairs"),
            Purpose::Weights => dialog
                .set_title("Use other weights")
                .add_filter("Weights", &["ckpt", "pth", "pt", "safetensors"]),
            Purpose::Folder => dialog.set_title("Folder for recordings"),
            Purpose::Dataset => dialog.set_title("Folder for the dataset"),
        };
        let folder = !matches!(purpose, Purpose::Recording | Purpose::Weights);
        let (send, receive) = channel();
        let context = context.clone();
        // Made on this thread, as macOS wants it, and waited for on another.
        let answer: std::pin::Pin<Box<dyn Future<Output = _> + Send>> =
            if folder { Box::pin(dialog.pick_folder()) } else { Box::pin(dialog.pick_file()) };
        let wait = move || {
            let chosen = pollster::block_on(answer).map(|f| f.path().to_owned());
            let _ = send.send(chosen);
            context.request_repaint();
        };
        if std::thread::Builder::new().name("chooser".into()).spawn(wait).is_ok() {
            self.waiting = Some((purpose, receive));
        }
    }

    /// What was chosen, once it was.
    pub(crate) fn take(&mut self) -> Option<(Purpose, PathBuf)> {
        let (purpose, receive) = self.waiting.as_ref()?;
        let chosen = match receive.try_recv() {
            Err(TryRecvError::Empty) => return None,
            Ok(chosen) => chosen.map(|path| (*purpose, path)),
            Err(TryRecvError::Disconnected) => None,
        };
        self.waiting = None;
        chosen
    }
}
