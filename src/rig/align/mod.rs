//! Pixel alignment: maps two cameras behind one beam splitter onto grids whose sizes have an exact
//! integer ratio.
//!
//! A chessboard that both cameras see ([`Board`]) yields corresponding points. Least squares fits
//! the [`Warp`] between the two images. The common field of view becomes an [`Alignment`]: the cell
//! of each event ([`EventTable`]) and the crop and scale of every frame ([`FrameCrop`]).
//! [`AlignSession`] runs these steps for a window or a command.

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
pub use flash_board::FlashAccumulator;
pub use frame_remap::FrameCrop;
pub use overlay::overlay;
pub use session::{AlignProgress, AlignSession, AlignSettings};
pub use solve::{View, solve};
pub use target::{Crop, Target};
pub use warp::{Side, Warp};
pub use worker::AlignRun;

use crate::image::Size;

/// Residual of the fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Residual {
    /// Root mean square distance, in pixels of the frame camera.
    pub frame_px: f64,
    /// Root mean square distance, in pixels of the event camera.
    pub event_px: f64,
    /// The largest distance, in pixels of the frame camera.
    pub worst_frame_px: f64,
    /// Corners used for the fit.
    pub corners: usize,
    /// Corners rejected as outliers.
    pub outliers: usize,
    /// Number of views of the board.
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

/// How events and frames are mapped onto common grids.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Alignment {
    /// Maps the event camera's image to the frame camera's image.
    pub warp: Warp,
    /// The part of the frame camera's image that is kept.
    pub crop: Crop,
    /// The grids for events and frames.
    pub target: Target,
    /// Residual of the calibration.
    pub residual: Residual,
}

impl Alignment {
    /// Selects the largest common field of view. Without a target, the sizes of MS-RBD are used if
    /// the cameras have enough resolution for them; otherwise the grid matches the resolution of
    /// the event camera.
    ///
    /// # Errors
    /// The common field of view is too small.
    pub fn new(warp: Warp, residual: Residual, target: Option<Target>) -> Result<Self, AlignError> {
        let (crop, target) = target::choose(&warp, target)?;
        Ok(Self { warp, crop, target, residual })
    }

    /// Computes the alignment from views of a board.
    ///
    /// # Errors
    /// See [`AlignError`].
    pub fn of_views(
        views: &[View],
        events: Size,
        frames: Size,
        target: Option<Target>,
    ) -> Result<Self, AlignError> {
        let (warp, residual) = solve(views, events, frames)?;
        Self::new(warp, residual, target)
    }

    /// Position on the event grid, in cells, of a position in the event camera's image.
    pub fn event_cell(&self, place: (f64, f64)) -> Option<(f64, f64)> {
        let (x, y) = self.warp.map(place)?;
        let sensor = self.target.sensor();
        let (u, v) = self.crop.share((x, y));
        Some((u * sensor.width as f64, v * sensor.height as f64))
    }
}
