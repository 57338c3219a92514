//! Panels of the window.

pub(crate) mod bottom_bar;
pub(crate) mod camera_panel;
pub(crate) mod edit;
pub(crate) mod hud;
mod recorder_panel;
pub(crate) mod recorder_state;
mod recordings_panel;
pub(crate) mod recordings_state;
pub(crate) mod side_bar;
mod stats_panel;
pub(crate) mod top_bar;
pub(crate) mod transport;
