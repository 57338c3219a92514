//! What is shown while there is no picture: progress, or the fault.

use crate::camera::DropSnapshot;
use crate::gui::action::Action;
use crate::gui::session::Session;
use crate::gui::source_kinds::short_name;
use crate::gui::{describe, theme, widgets};
use crate::program;
use eframe::egui::{self, RichText};
use std::time::Duration;

/// A recording that has delivered no picture yet.
#[derive(Clone, Debug, Default)]
struct EmptyPlayback {
    /// Position of the playback at the last update, as a fraction.
    position: f64,
    /// It was played to its end.
    finished: bool,
    lost: Vec<DropSnapshot>,
}

impl EmptyPlayback {
    fn update(&mut self, session: &Session) {
        let Some(transport) = session.transport() else { return };
        self.lost = session.report().lost;
        self.advance(transport.position, session.ended(), session.snapshot().captured);
    }

    fn advance(&mut self, position: f64, ended: bool, exposures: u64) {
        // A recording that loops jumps back.
        self.finished |= ended || position > 0.999 || position < self.position;
        self.finished &= exposures == 0;
        self.position = position;
    }

    /// Why there will be no picture; none if one may still come.
    fn fault(&self) -> Option<String> {
        self.finished.then(|| describe::empty_recording(&self.lost))
    }
}

/// Content of the central area while there is no picture.
#[derive(Default)]
pub(crate) struct Placeholder {
    playback: EmptyPlayback,
}

impl Placeholder {
    /// Starts again with another source.
    pub(crate) fn reset(&mut self) {
        self.playback = EmptyPlayback::default();
    }

    /// Why the recording that is played has no picture, once it was played to its end.
    #[cfg(test)]
    pub(crate) fn fault(&self) -> Option<String> {
        self.playback.fault()
    }

    /// Draws the progress of opening the source, or why there is no picture.
    pub(crate) fn show(&mut self, ui: &mut egui::Ui, session: &Session) -> Vec<Action> {
        let mut actions = Vec::new();
        self.playback.update(session);
        let notices = session.notices().into_iter().map(|n| n.text);
        let mut faults: Vec<String> = session.fault.clone().into_iter().chain(notices).collect();
        // A notice may be the cause of it.
        faults.extend(self.playback.fault().filter(|_| session.fault.is_none()));
        let source = short_name(&session.name);
        ui.vertical_centered(|ui| {
            ui.add_space((ui.available_height() / 2.0 - 60.0).max(0.0));
            match faults.is_empty() {
                true => {
                    ui.spinner();
                    ui.add_space(6.0);
                    ui.label(RichText::new(format!("Opening: {source}")).size(16.0));
                    if session.engine() == "starting" {
                        widgets::hint(ui, "Starting the engine.");
                    }
                    ui.request_repaint_after(Duration::from_millis(200));
                }
                false => {
                    ui.label(RichText::new(format!("No picture from: {source}")).size(16.0));
                    ui.add_space(4.0);
                    ui.set_max_width(640.0);
                    for why in faults {
                        let why = RichText::new(program::in_advice(&why)).color(theme::WARNING);
                        ui.add(egui::Label::new(why).wrap());
                    }
                    ui.add_space(10.0);
                    if widgets::primary_button(ui, true, "Choose another source").clicked() {
                        actions.push(Action::ChooseSource);
                    }
                    ui.request_repaint_after(Duration::from_millis(500));
                }
            }
        });
        actions
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::camera::{DropCause, DropUnit};

    #[test]
    fn a_recording_without_frames_is_reported_once_it_was_played() {
        let mut playback = EmptyPlayback::default();
        for position in [0.1, 0.5, 0.9] {
            playback.advance(position, false, 0);
            assert_eq!(playback.fault(), None);
        }
        playback.advance(0.05, false, 0);
        assert!(playback.fault().unwrap().contains("without a usable frame: it has no frames"));
        let (cause, unit) = (DropCause::Malformed, DropUnit::Frames);
        playback.lost = vec![DropSnapshot { cause, unit, count: 164 }];
        assert!(playback.fault().unwrap().contains("dropped: 164 frames (malformed)"));
    }

    #[test]
    fn a_recording_whose_first_exposure_is_being_restored_is_not() {
        let mut playback = EmptyPlayback::default();
        playback.advance(1.0, false, 1);
        assert_eq!(playback.fault(), None);
        playback.advance(1.0, true, 0);
        assert!(playback.fault().is_some());
    }
}
