//! A sentence that is shown for a while: what was done, or why it was not.

use crate::gui::theme;
use eframe::egui::{self, Align2, Color32, RichText};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Good news goes sooner than bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Good,
    Bad,
    /// For someone who opens the window for the first time.
    Welcome,
}

impl Kind {
    fn lasts(self) -> Duration {
        match self {
            Self::Good => Duration::from_secs(5),
            Self::Bad => Duration::from_secs(12),
            Self::Welcome => Duration::from_secs(25),
        }
    }
}

/// What threads send.
pub(crate) type Said = (Kind, String);

/// The newest message, and where threads send theirs.
pub(crate) struct Toast {
    shown: Option<(Kind, String, Instant)>,
    channel: (mpsc::Sender<Said>, mpsc::Receiver<Said>),
}

impl Default for Toast {
    fn default() -> Self {
        Self { shown: None, channel: mpsc::channel() }
    }
}

impl Toast {
    /// Shows `text` from now on.
    pub(crate) fn notify(&mut self, kind: Kind, text: impl Into<String>) {
        self.shown = Some((kind, text.into(), Instant::now()));
    }

    /// For a thread that has something to say later.
    pub(crate) fn sender(&self) -> mpsc::Sender<Said> {
        self.channel.0.clone()
    }

    /// Draws it above the lower bar.
    pub(crate) fn show(&mut self, ui: &egui::Ui, lower: f32) {
        while let Ok((kind, text)) = self.channel.1.try_recv() {
            self.notify(kind, text);
        }
        self.shown = self.shown.take().filter(|(kind, _, since)| since.elapsed() < kind.lasts());
        let Some((kind, text, since)) = &self.shown else { return };
        ui.request_repaint_after(kind.lasts().saturating_sub(since.elapsed()));
        let colour = if *kind == Kind::Bad { theme::WARNING } else { theme::RESTORED };
        let area = egui::Area::new(egui::Id::unique("toast"))
            .order(egui::Order::Foreground)
            .anchor(Align2::LEFT_BOTTOM, [14.0, -lower - 14.0])
            .interactable(true);
        let clicked = area
            .show(ui, |ui| {
                egui::Frame::new()
                    .fill(Color32::from_gray(38))
                    .stroke(egui::Stroke::new(1.0, colour))
                    .corner_radius(6)
                    .inner_margin(egui::Margin::symmetric(12, 8))
                    .show(ui, |ui| {
                        ui.set_max_width(520.0);
                        ui.add(egui::Label::new(RichText::new(text)).wrap());
                    });
            })
            .response
            .interact(egui::Sense::click())
            .clicked();
        if clicked {
            self.shown = None;
        }
    }
}
