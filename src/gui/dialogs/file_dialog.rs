//! The system's file dialog, which runs without blocking the window.

use eframe::egui;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, TryRecvError, channel};

/// Purpose of the chosen file or folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A recording to play, as a file.
    Recording,
    /// A recording to play, as a folder.
    RecordingFolder,
    /// A weights file to load.
    Weights,
    /// Folder for recordings.
    RecordingsFolder,
    /// Folder for a dataset.
    DatasetFolder,
    /// A new file for a film.
    FilmFile,
}

/// The file dialog; one at a time.
#[derive(Default)]
pub(crate) struct FileDialog {
    pending: Option<(Purpose, Receiver<Option<PathBuf>>)>,
}

impl FileDialog {
    /// Opens the dialog. If the system has none, nothing is chosen: every place that opens it
    /// also has another way to enter a path.
    pub(crate) fn open(&mut self, purpose: Purpose, context: &egui::Context) {
        let dialog = rfd::AsyncFileDialog::new();
        let dialog = match purpose {
            Purpose::Recording => {
                let kinds = ["aedat4", "npz", "bag", "mcap", "h5", "hdf5"];
                dialog.set_title("Play a recording").add_filter("Recordings", &kinds)
            }
            Purpose::RecordingFolder => dialog.set_title("Play a folder of MS-RBD pairs"),
            Purpose::Weights => dialog
                .set_title("Load weights")
                .add_filter("Weights", &["ckpt", "pth", "pt", "safetensors"]),
            Purpose::RecordingsFolder => dialog.set_title("Folder for recordings"),
            Purpose::DatasetFolder => dialog.set_title("Folder for the dataset"),
            Purpose::FilmFile => {
                let kinds = ["mp4", "mkv", "mov", "webm", "avi", "y4m", "gif"];
                dialog.set_title("New film").add_filter("Films", &kinds)
            }
        };
        let (send, receive) = channel();
        let context = context.clone();
        // macOS requires that the dialog is created on this thread; a worker waits for it.
        let answer: std::pin::Pin<Box<dyn Future<Output = _> + Send>> = match purpose {
            Purpose::Recording | Purpose::Weights => Box::pin(dialog.pick_file()),
            Purpose::FilmFile => Box::pin(dialog.save_file()),
            _ => Box::pin(dialog.pick_folder()),
        };
        let wait = move || {
            let chosen = pollster::block_on(answer).map(|f| f.path().to_owned());
            let _ = send.send(chosen);
            context.request_repaint();
        };
        if std::thread::Builder::new().name("chooser".into()).spawn(wait).is_ok() {
            self.pending = Some((purpose, receive));
        }
    }

    /// The chosen file or folder, once; none while the dialog is open or if it was cancelled.
    pub(crate) fn take(&mut self) -> Option<(Purpose, PathBuf)> {
        let (purpose, receive) = self.pending.as_ref()?;
        let chosen = match receive.try_recv() {
            Err(TryRecvError::Empty) => return None,
            Ok(chosen) => chosen.map(|path| (*purpose, path)),
            Err(TryRecvError::Disconnected) => None,
        };
        self.pending = None;
        chosen
    }
}
