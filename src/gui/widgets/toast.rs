//! A message that is shown for a few seconds: what was done, or why it failed.

use crate::gui::theme;
use eframe::egui::{self, Align2, Color32, RichText};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Kind of message; it determines the colour and the duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ToastKind {
    Success,
    Error,
    /// Shown on the first run.
    Welcome,
}

impl ToastKind {
    fn duration(self) -> Duration {
        match self {
            Self::Success => Duration::from_secs(5),
            Self::Error => Duration::from_secs(12),
            Self::Welcome => Duration::from_secs(25),
        }
    }
}

/// A message from another thread.
pub(crate) type Message = (ToastKind, String);

/// The current message, and the channel for messages from other threads.
pub(crate) struct Toast {
    shown: Option<(ToastKind, String, Instant)>,
    channel: (mpsc::Sender<Message>, mpsc::Receiver<Message>),
}

impl Default for Toast {
    fn default() -> Self {
        Self { shown: None, channel: mpsc::channel() }
    }
}

impl Toast {
    /// Shows `text` in place of the current message.
    pub(crate) fn notify(&mut self, kind: ToastKind, text: impl Into<String>) {
        self.shown = Some((kind, text.into(), Instant::now()));
    }

    /// Sender for messages from another thread.
    pub(crate) fn sender(&self) -> mpsc::Sender<Message> {
        self.channel.0.clone()
    }

    /// Draws the message; `bottom` is the height of the bars below it, in points.
    pub(crate) fn show(&mut self, ui: &egui::Ui, bottom: f32) {
        while let Ok((kind, text)) = self.channel.1.try_recv() {
            self.notify(kind, text);
        }
        self.shown = self.shown.take().filter(|(kind, _, since)| since.elapsed() < kind.duration());
        let Some((kind, text, since)) = &self.shown else { return };
        ui.request_repaint_after(kind.duration().saturating_sub(since.elapsed()));
        let colour = if *kind == ToastKind::Error { theme::WARNING } else { theme::RESTORED };
        let area = egui::Area::new(egui::Id::unique("toast"))
            .order(egui::Order::Foreground)
            .anchor(Align2::LEFT_BOTTOM, [14.0, -bottom - 14.0])
            .interactable(true);
        let clicked = area
            .show(ui, |ui| {
                egui::Frame::new()
                    .fill(Color32::from_gray(38))
                    .stroke(egui::Stroke::new(1.0, colour))
                    .corner_radius(6)
                    .inner_margin(egui::Margin::symmetric(12, 8))
                    .show(ui, |ui| {
                        ui.set_max_width(520.0_f32.min(ui.ctx().content_rect().width() - 60.0));
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
