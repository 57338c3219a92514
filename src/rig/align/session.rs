//! The steps of an alignment: find the board, collect views, solve, show the result, store it.

use super::store::{self, Pair, StoreError};
use super::{
    AlignError, Alignment, Board, FlashAccumulator, FoundBoard, Residual, Target, View, overlay,
};
use crate::event::Event;
use crate::image::{ImageU8, Size};
use std::path::{Path, PathBuf};

/// Settings of an alignment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AlignSettings {
    /// The board that is used.
    pub board: Board,
    /// Number of views that are collected before the first result.
    pub views: usize,
    /// The board counts as still if no corner has moved by more than this, in pixels, between two
    /// successive images of the same camera.
    pub steady_px: f64,
    /// Smallest distance between a new view and all others, as a fraction of the image width.
    pub apart: f64,
    /// Grids for events and frames; `None` selects those that suit the cameras.
    pub target: Option<Target>,
}

impl Default for AlignSettings {
    fn default() -> Self {
        Self { board: Board::default(), views: 6, steady_px: 1.0, apart: 0.04, target: None }
    }
}

/// Progress of an alignment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlignProgress {
    /// The board is in the last image of the frame camera.
    pub in_frame: bool,
    /// The board is in the last image, or the last flashes, of the event camera.
    pub in_events: bool,
    /// Number of views that were taken.
    pub views: usize,
    /// Number of views that are needed.
    pub wanted: usize,
    /// Residual of the fit, once there is a result.
    pub residual: Option<Residual>,
    /// Why there is no result although there are views.
    pub fault: Option<String>,
    /// What the user should do next.
    pub hint: &'static str,
}

/// The last image of one camera and the board in it.
#[derive(Debug, Default)]
struct CameraView {
    picture: Option<ImageU8>,
    board: Option<FoundBoard>,
    /// Found twice in a row at the same place.
    still: bool,
    /// Number of images since the other camera last saw the board move or disappear. An older image
    /// may show the board at its previous place.
    since: usize,
}

impl CameraView {
    fn update(
        &mut self,
        other: &mut Self,
        picture: ImageU8,
        board: Option<FoundBoard>,
        steady_px: f64,
    ) {
        let resized = self.picture.as_ref().is_some_and(|p| p.size() != picture.size());
        self.still = match (&self.board, &board) {
            (Some(before), Some(now)) if !resized => now.moved_px(before) <= steady_px,
            _ => false,
        };
        self.since = self.since.saturating_add(1);
        if !self.still {
            other.since = 0;
        }
        (self.picture, self.board) = (Some(picture), board);
    }

    fn size(&self) -> Option<Size> {
        self.picture.as_ref().map(ImageU8::size)
    }
}

/// Aligns two cameras, image by image. Board detection takes from milliseconds to a tenth of a
/// second: do not call it on the threads of the live path or the window.
#[derive(Debug)]
pub struct AlignSession {
    settings: AlignSettings,
    frame: CameraView,
    event: CameraView,
    flashing: Option<FlashAccumulator>,
    views: Vec<View>,
    result: Option<Alignment>,
    fault: Option<String>,
}

/// Number of flashes that are accumulated before the board is searched for.
const FLASHES: u64 = 4;

impl AlignSession {
    /// Starts an alignment without views.
    pub fn new(settings: AlignSettings) -> Self {
        Self {
            settings,
            frame: CameraView::default(),
            event: CameraView::default(),
            flashing: None,
            views: Vec::new(),
            result: None,
            fault: None,
        }
    }

    /// Adds an unprocessed image of the frame camera.
    pub fn push_frame(&mut self, picture: &ImageU8) {
        let board = self.settings.board.find(picture);
        // A flashing board is invisible in half of the images; that does not count as motion.
        if board.is_none() && self.flashing.is_some() && self.frame.board.is_some() {
            return;
        }
        self.frame.update(&mut self.event, picture.clone(), board, self.settings.steady_px);
        self.collect();
    }

    /// Adds an image of the event camera's own frame sensor (APS).
    pub fn push_aps(&mut self, picture: &ImageU8) {
        let board = self.settings.board.find(picture);
        self.event.update(&mut self.frame, picture.clone(), board, self.settings.steady_px);
        self.collect();
    }

    /// Adds events of a board that flashes full screen: it appears and disappears on black.
    pub fn push_events(&mut self, sensor: Size, events: &[Event]) {
        let fresh = || FlashAccumulator::new(sensor);
        let mut flashing =
            self.flashing.take().filter(|b| b.size() == sensor).unwrap_or_else(fresh);
        flashing.push(events);
        if flashing.flashes() >= FLASHES {
            let board = self.settings.board.find(&flashing.picture());
            self.event.update(&mut self.frame, flashing.picture(), board, self.settings.steady_px);
            // The next search uses new flashes only, as the board may have moved.
            flashing.clear();
            self.collect();
        }
        self.flashing = Some(flashing);
    }

    /// Adds a view if both cameras see the board at rest, both have a new image since it last
    /// moved, and the board is at a new place.
    fn collect(&mut self) {
        let both = [&self.frame, &self.event];
        let still = both.iter().all(|camera| camera.still && camera.since > 0);
        let (Some(frame), Some(event), true) = (&self.frame.board, &self.event.board, still) else {
            return;
        };
        let width = self.frame.size().map_or(0.0, |s| s.width as f64);
        let apart_px = self.settings.apart * width;
        if self.views.iter().any(|v| v.frame.moved_px(frame) < apart_px) {
            return;
        }
        self.views.push(View { frame: frame.clone(), event: event.clone() });
        if self.views.len() >= self.settings.views {
            self.solve();
        }
    }

    /// Adds the boards that are currently detected as a view, whether at rest or not. For pairs of
    /// images that were taken at the same time. Returns `false` if the board is missing in one of
    /// the images.
    pub fn take_view(&mut self) -> bool {
        let (Some(frame), Some(event)) = (&self.frame.board, &self.event.board) else {
            return false;
        };
        let view = View { frame: frame.clone(), event: event.clone() };
        if !self.views.contains(&view) {
            self.views.push(view);
        }
        true
    }

    /// Solves with the current views.
    pub fn solve(&mut self) -> Option<&Alignment> {
        let (Some(events), Some(frames)) = (self.event.size(), self.frame.size()) else {
            self.fault = Some(AlignError::NoView.to_string());
            return None;
        };
        match Alignment::of_views(&self.views, events, frames, self.settings.target) {
            Ok(alignment) => (self.result, self.fault) = (Some(alignment), None),
            Err(e) => (self.result, self.fault) = (None, Some(e.to_string())),
        }
        self.result.as_ref()
    }

    /// Removes all views and starts again.
    pub fn restart(&mut self) {
        *self = Self::new(self.settings);
    }

    /// Removes the last view.
    pub fn undo(&mut self) {
        self.views.pop();
        (self.result, self.fault) = (None, None);
        if self.views.len() >= self.settings.views {
            self.solve();
        }
    }

    /// The current progress.
    pub fn progress(&self) -> AlignProgress {
        let (in_frame, in_events) = (self.frame.board.is_some(), self.event.board.is_some());
        let hint = match (in_frame, in_events) {
            _ if self.result.is_some() => "check the overlay, then store the alignment",
            _ if self.fault.is_some() => "repeat the views",
            (false, false) => "show the whole board to both cameras",
            (false, true) => "the frame camera does not see the whole board",
            (true, false) => "the event camera does not see the whole board",
            _ if !(self.frame.still && self.event.still) => "hold the board still",
            _ => "move the board to another place, and tilt it",
        };
        AlignProgress {
            in_frame,
            in_events,
            views: self.views.len(),
            wanted: self.settings.views,
            residual: self.result.as_ref().map(|a| a.residual),
            fault: self.fault.clone(),
            hint,
        }
    }

    /// The result, once there is one.
    pub fn alignment(&self) -> Option<&Alignment> {
        self.result.as_ref()
    }

    /// The views that were taken.
    pub fn views(&self) -> &[View] {
        &self.views
    }

    /// The last images of the frame camera and of the event camera.
    pub fn pictures(&self) -> [Option<&ImageU8>; 2] {
        [self.frame.picture.as_ref(), self.event.picture.as_ref()]
    }

    /// Overlay of the event camera's image on the aligned frame.
    pub fn overlay(&self) -> Option<ImageU8> {
        let (frame, seen) = (self.frame.picture.as_ref()?, self.event.picture.as_ref()?);
        let (f, e) = (self.frame.board.as_ref(), self.event.board.as_ref());
        let now = f.zip(e).map(|(f, e)| View { frame: f.clone(), event: e.clone() });
        overlay(self.result.as_ref()?, frame, seen, now.as_ref())
    }

    /// Stores the result for a pair of cameras and returns the file's path. `None` if there is no
    /// result.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, folder: &Path, pair: &Pair) -> Result<Option<PathBuf>, StoreError> {
        self.result.as_ref().map(|alignment| store::save(folder, pair, alignment)).transpose()
    }
}
