//! The steps of an alignment: look for the board, collect views, solve, show, store.

use super::store::{self, Pair, StoreError};
use super::{AlignError, Alignment, Blink, Board, FoundBoard, Residual, Target, View, overlay};
use crate::event::Event;
use crate::image::{ImageU8, Size};
use std::path::{Path, PathBuf};

/// How an alignment is done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AlignSettings {
    /// The board that is shown.
    pub board: Board,
    /// Positions of the board that are collected before the first result.
    pub views: usize,
    /// The board counts as still when no corner has moved by more, in pixels, between one
    /// picture and the next of the same camera.
    pub steady_px: f64,
    /// A new view must differ from all others by this share of the picture's width.
    pub apart: f64,
    /// Grids to bring events and frames onto; `None` for what suits the cameras.
    pub target: Option<Target>,
}

impl Default for AlignSettings {
    fn default() -> Self {
        Self { board: Board::default(), views: 6, steady_px: 1.0, apart: 0.04, target: None }
    }
}

/// How an alignment stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlignProgress {
    /// The board is in the last picture of the frame camera.
    pub in_frame: bool,
    /// The board is in the last picture, or the last flashes, of the event camera.
    pub in_events: bool,
    /// Views that were taken.
    pub views: usize,
    /// Views that are wanted.
    pub wanted: usize,
    /// How well the views fit, once there is one.
    pub residual: Option<Residual>,
    /// Why there is no result though there are views.
    pub fault: Option<String>,
    /// What the person should do next.
    pub hint: &'static str,
}

/// What one camera has shown.
#[derive(Debug, Default)]
struct Eye {
    picture: Option<ImageU8>,
    board: Option<FoundBoard>,
    /// Found twice in a row at one place.
    still: bool,
    /// Pictures since the other camera last saw the board move or vanish: an older one may show
    /// it where it was before.
    since: usize,
}

impl Eye {
    fn see(
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

/// Aligns two cameras, picture by picture. Finding a board takes from milliseconds to a tenth
/// of a second: keep it off the threads of the live path and of the window.
#[derive(Debug)]
pub struct AlignSession {
    settings: AlignSettings,
    frame: Eye,
    event: Eye,
    blink: Option<Blink>,
    views: Vec<View>,
    result: Option<Alignment>,
    fault: Option<String>,
}

/// Flashes that are summed before the board is looked for.
const FLASHES: u64 = 4;

impl AlignSession {
    /// Begins.
    pub fn new(settings: AlignSettings) -> Self {
        Self {
            settings,
            frame: Eye::default(),
            event: Eye::default(),
            blink: None,
            views: Vec::new(),
            result: None,
            fault: None,
        }
    }

    /// Takes a picture of the frame camera, as it comes from it.
    pub fn push_frame(&mut self, picture: &ImageU8) {
        let board = self.settings.board.find(picture);
        // A flashing board is dark in half of the pictures; that is no motion.
        if board.is_none() && self.blink.is_some() && self.frame.board.is_some() {
            return;
        }
        self.frame.see(&mut self.event, picture.clone(), board, self.settings.steady_px);
        self.collect();
    }

    /// Takes a picture of the event camera's own pixels.
    pub fn push_aps(&mut self, picture: &ImageU8) {
        let board = self.settings.board.find(picture);
        self.event.see(&mut self.frame, picture.clone(), board, self.settings.steady_px);
        self.collect();
    }

    /// Takes events of a board that flashes full screen: it appears and vanishes on black.
    pub fn push_events(&mut self, sensor: Size, events: &[Event]) {
        let fresh = || Blink::new(sensor);
        let mut blink = self.blink.take().filter(|b| b.size() == sensor).unwrap_or_else(fresh);
        blink.push(events);
        if blink.flashes() >= FLASHES {
            let board = self.settings.board.find(&blink.picture());
            self.event.see(&mut self.frame, blink.picture(), board, self.settings.steady_px);
            // The next look is at new flashes, for the board may have moved.
            blink.clear();
            self.collect();
        }
        self.blink = Some(blink);
    }

    /// Takes a view when both cameras hold the board still, have both looked since it moved, and
    /// it is a new one.
    fn collect(&mut self) {
        let both = [&self.frame, &self.event];
        let still = both.iter().all(|eye| eye.still && eye.since > 0);
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

    /// Takes the boards that are seen now as a view, still or not: for pairs of pictures that
    /// were taken at one time. `false` where one of them has none.
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

    /// Solves with the views that there are.
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

    /// Forgets all views, to begin anew.
    pub fn restart(&mut self) {
        *self = Self::new(self.settings);
    }

    /// Forgets the view that was taken last.
    pub fn undo(&mut self) {
        self.views.pop();
        (self.result, self.fault) = (None, None);
        if self.views.len() >= self.settings.views {
            self.solve();
        }
    }

    /// How it stands.
    pub fn progress(&self) -> AlignProgress {
        let (in_frame, in_events) = (self.frame.board.is_some(), self.event.board.is_some());
        let hint = match (in_frame, in_events) {
            _ if self.result.is_some() => "look at the overlay, then store the alignment",
            _ if self.fault.is_some() => "take the views again",
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

    /// Views that were taken.
    pub fn views(&self) -> &[View] {
        &self.views
    }

    /// The last pictures of the frame camera and of the event camera.
    pub fn pictures(&self) -> [Option<&ImageU8>; 2] {
        [self.frame.picture.as_ref(), self.event.picture.as_ref()]
    }

    /// What the event camera saw, over the frame that it is aligned to.
    pub fn overlay(&self) -> Option<ImageU8> {
        let (frame, seen) = (self.frame.picture.as_ref()?, self.event.picture.as_ref()?);
        let (f, e) = (self.frame.board.as_ref(), self.event.board.as_ref());
        let now = f.zip(e).map(|(f, e)| View { frame: f.clone(), event: e.clone() });
        overlay(self.result.as_ref()?, frame, seen, now.as_ref())
    }

    /// Stores the result for a pair of cameras; where it lies.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, folder: &Path, pair: &Pair) -> Result<Option<PathBuf>, StoreError> {
        self.result.as_ref().map(|alignment| store::save(folder, pair, alignment)).transpose()
    }
}
