//! State of the alignment dialog.

use crate::gui::dialogs::alignment_run::{Order, Search, Seen};
use crate::rig::align::Board;
use eframe::egui::{ColorImage, TextureHandle, Ui};
use std::time::Instant;

/// The user's choices, and the search while it runs.
pub(crate) struct AlignmentDialog {
    /// Inner corners of the board, across.
    pub(crate) columns: usize,
    /// Inner corners of the board, down.
    pub(crate) rows: usize,
    /// The board flashes on a screen and is detected in the events.
    pub(crate) flashing: bool,
    pub(crate) search: Option<Search>,
    /// Latest state of the search.
    pub(crate) seen: Seen,
    /// Previews of that state.
    pub(crate) textures: [Option<TextureHandle>; 3],
    /// Picture of the flashing board.
    pub(crate) board: Option<TextureHandle>,
    /// Why the search could not be started.
    pub(crate) fault: Option<String>,
    /// Start of the flashing.
    pub(crate) since: Instant,
}

impl Default for AlignmentDialog {
    fn default() -> Self {
        let board = Board::default();
        Self {
            columns: board.columns(),
            rows: board.rows(),
            flashing: false,
            search: None,
            seen: Seen::default(),
            textures: Default::default(),
            board: None,
            fault: None,
            since: Instant::now(),
        }
    }
}

impl AlignmentDialog {
    /// Ends the search and discards its state.
    pub(crate) fn leave(&mut self) {
        (self.search, self.seen, self.fault) = (None, Seen::default(), None);
        (self.textures, self.board) = (Default::default(), None);
    }

    /// Whether the frame camera's preview is shown.
    #[cfg(test)]
    pub(crate) fn pictured(&self) -> bool {
        self.textures[0].is_some()
    }

    /// Progress of the search at the last poll.
    #[cfg(test)]
    pub(crate) fn progress(&self) -> &crate::rig::align::AlignProgress {
        &self.seen.progress
    }

    /// Takes the newest state of the search and uploads its previews.
    pub(crate) fn poll(&mut self, ui: &Ui) {
        let Some(seen) = self.search.as_ref().and_then(Search::take) else { return };
        for (texture, picture) in self.textures.iter_mut().zip(&seen.pictures) {
            *texture = picture.as_ref().map(|picture| {
                let size = [picture.size().width, picture.size().height];
                let image = ColorImage::from_rgb(size, &picture.to_rgb());
                ui.load_texture("align", image, Default::default())
            });
        }
        self.seen = seen;
    }

    /// Sends a command to the search, if one runs.
    pub(crate) fn order(&self, order: Order) {
        if let Some(search) = &self.search {
            search.order(order);
        }
    }
}
