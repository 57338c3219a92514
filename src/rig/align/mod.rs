//! Pixel alignment: two cameras through one splitter, brought onto grids that are exactly k:1.
//!
//! A chessboard that both cameras see ([`Board`]) gives places that belong together, least
//! squares the [`Warp`] between the pictures, and the part of the view that both have becomes
//! an [`Alignment`]: where each event goes ([`EventTable`]), and which part of every frame is
//! kept and scaled ([`FrameCrop`]). [`AlignSession`] does all of this step by step, for a
//! window or a command.

mod board;
mod corners;
mod error;
mod event_remap;
mod flash_board;
mod frame_remap;
mod gray;
mod overlay;
mod session;
mod solve;
pub mod store;
mod target;
mod warp;
mod worker;

pub use board::{Board, FoundBoard};
pub use error::AlignError;
pub use event_remap::EventTable;
pub use flash_board::Blink;
pub use frame_remap::FrameCrop;
pub use overlay::overlay;
pub use session::{AlignProgress, AlignSession, AlignSettings};
pub use solve::{View, solve};
pub use target::{Crop, Target};
pub use warp::{Side, Warp};
pub use worker::AlignRun;

use crate::image::Size;

/// How well corners fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Residual {
    /// Root mean square distance, in pixels of the frame camera.
    pub frame_px: f64,
    /// The same in pixels of the event camera.
    pub event_px: f64,
    /// The largest distance, in pixels of the frame camera.
    pub worst_frame_px: f64,
    /// Corners that were used.
    pub corners: usize,
    /// Corners that were left out as mistakes.
    pub outliers: usize,
    /// Positions of the board.
    pub views: usize,
}

impl std::fmt::Display for Residual {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { frame_px, event_px, worst_frame_px, corners, views, .. } = self;
        write!(
            f,
            "{frame_px:.2} px of the frames ({event_px:.2} px of the events), at most \
             {worst_frame_px:.2}, over {corners} corners of {views} views"
        )
    }
}

/// How events and frames are brought onto common grids.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Alignment {
    /// From the event camera's picture to the frame camera's.
    pub warp: Warp,
    /// The part of the frame camera's picture that is kept.
    pub crop: Crop,
    /// The grids that events and frames are brought onto.
    pub target: Target,
    /// How well it was measured.
    pub residual: Residual,
}

impl Alignment {
    /// Chooses the common part of the view: the largest that fits. Without a target the sizes
    /// of MS-RBD are taken where the cameras reach them, else what the event camera resolves.
    ///
    /// # Errors
    /// The cameras see too little in common.
    pub fn new(warp: Warp, residual: Residual, target: Option<Target>) -> Result<Self, AlignError> {
        let (crop, target) = target::choose(&warp, target)?;
        Ok(Self { warp, crop, target, residual })
    }

    /// From the views of a board to the alignment.
    ///
    /// # Errors
    /// As [`AlignError`] says.
    pub fn of_views(
        views: &[View],
        events: Size,
        frames: Size,
        target: Option<Target>,
    ) -> Result<Self, AlignError> {
        let (warp, residual) = solve(views, events, frames)?;
        Self::new(warp, residual, target)
    }

    /// Where a place in the event camera's picture lies on the grid of events, in its cells.
    pub fn event_cell(&self, place: (f64, f64)) -> Option<(f64, f64)> {
        let (x, y) = self.warp.map(place)?;
        let sensor = self.target.sensor();
        let (u, v) = self.crop.share((x, y));
        Some((u * sensor.width as f64, v * sensor.height as f64))
    }
}
