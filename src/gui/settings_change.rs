//! Changes of single settings, as keys and panels request them.

use super::settings::{Settings, Tab, View};
use std::path::PathBuf;

/// A setting with its new value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Setting {
    View(View),
    /// Gain of the difference view.
    Gain(f32),
    /// Position of the wipe's divider, as a fraction of the width.
    Divider(f32),
    /// Instants that slow motion shows per exposure.
    SlowInstants(usize),
    /// Scene name of the next recording.
    Scene(String),
    Indoor(bool),
    /// Frames of the next recording.
    RecordFrames(u64),
    /// Record until stopped.
    OpenEnded(bool),
    /// Folder of the recordings; the default folder if none.
    Folder(Option<PathBuf>),
}

impl Setting {
    /// Changes the setting.
    pub(crate) fn apply(self, settings: &mut Settings) {
        match self {
            Self::View(view) => settings.view = view,
            Self::Gain(gain) => settings.gain = gain,
            Self::Divider(divider) => settings.divider = divider,
            Self::SlowInstants(count) => settings.slow_instants = count,
            Self::Scene(scene) => settings.scene = scene,
            Self::Indoor(indoor) => settings.indoor = indoor,
            Self::RecordFrames(frames) => settings.frames = frames,
            Self::OpenEnded(open_ended) => settings.open_ended = open_ended,
            Self::Folder(folder) => settings.folder = folder,
        }
    }
}

/// A setting that is switched on or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Toggle {
    /// Event overlay.
    Events,
    /// EDI as an additional picture.
    Edi,
    /// Ground truth as an additional picture.
    Truth,
    /// Marks on clipped pixels.
    Clipping,
    /// Linear instead of nearest-neighbour scaling.
    Smooth,
    /// Reblurring of slow motion and films of recordings.
    Reblur,
    SidePanel,
    /// The side panel with this tab.
    Tab(Tab),
}

impl Toggle {
    /// Switches the setting.
    pub(crate) fn apply(self, settings: &mut Settings) {
        let on = match self {
            Self::Events => &mut settings.events,
            Self::Edi => &mut settings.edi,
            Self::Truth => &mut settings.truth,
            Self::Clipping => &mut settings.clipping,
            Self::Smooth => &mut settings.smooth,
            Self::Reblur => &mut settings.reblur,
            Self::SidePanel => &mut settings.side,
            Self::Tab(tab) => {
                settings.side = !(settings.side && settings.tab == tab);
                settings.tab = tab;
                return;
            }
        };
        *on = !*on;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tab_is_shown_and_hidden_by_the_same_toggle() {
        let mut settings = Settings::default();
        let shown = |s: &Settings| (s.side, s.tab);
        Toggle::Tab(Tab::Camera).apply(&mut settings);
        assert_eq!(shown(&settings), (true, Tab::Camera));
        Toggle::Tab(Tab::Recorder).apply(&mut settings);
        assert_eq!(shown(&settings), (true, Tab::Recorder), "another tab");
        Toggle::Tab(Tab::Recorder).apply(&mut settings);
        assert_eq!(shown(&settings), (false, Tab::Recorder));
        Toggle::SidePanel.apply(&mut settings);
        assert_eq!(shown(&settings), (true, Tab::Recorder), "the panel remembers its tab");
    }
}
