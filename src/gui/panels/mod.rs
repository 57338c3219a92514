//! Panels of the window.

pub(crate) mod bottom_bar;
pub(crate) mod camera_panel;
pub(crate) mod fault_bar;
pub(crate) mod film_group;
mod histogram;
pub(crate) mod image_view;
pub(crate) mod placeholder;
pub(crate) mod profile_menu;
pub(crate) mod recorder_panel;
pub(crate) mod recordings_panel;
pub(crate) mod side_bar;
pub(crate) mod statistics_strip;
pub(crate) mod stats_panel;
mod threshold_group;
pub(crate) mod top_bar;
pub(crate) mod transport_row;

use super::wake::Wake;
use eframe::egui_wgpu::RenderState;

/// All panels.
pub(crate) struct Panels {
    pub top_bar: top_bar::TopBar,
    pub fault_bar: fault_bar::FaultBar,
    pub bottom_bar: bottom_bar::BottomBar,
    pub side_bar: side_bar::SideBar,
    pub statistics: stats_panel::StatsPanel,
    pub camera: camera_panel::CameraPanel,
    pub recorder: recorder_panel::RecorderPanel,
    pub recordings: recordings_panel::RecordingsPanel,
    pub statistics_strip: statistics_strip::StatisticsStrip,
    pub image_view: image_view::ImageView,
    pub placeholder: placeholder::Placeholder,
}

impl Panels {
    /// The panels at the start. Pictures are drawn with the GPU of `render`.
    pub(crate) fn new(render: Option<&RenderState>, wake: &Wake) -> Self {
        Self {
            top_bar: Default::default(),
            fault_bar: Default::default(),
            bottom_bar: Default::default(),
            side_bar: Default::default(),
            statistics: Default::default(),
            camera: camera_panel::CameraPanel::new(wake.clone()),
            recorder: Default::default(),
            recordings: recordings_panel::RecordingsPanel::new(wake.clone()),
            statistics_strip: Default::default(),
            image_view: image_view::ImageView::new(render),
            placeholder: Default::default(),
        }
    }
}
